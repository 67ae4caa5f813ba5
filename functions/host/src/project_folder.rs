//! The project that lies beside the program: `schema.sql` and `views/*.sql`, read and compiled.

use anabranch_core::project::Project;
use anabranch_core::sql::{CompileError, Source};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads and compiles the project in `folder`.
///
/// # Errors
/// In words: the file that cannot be read, or the first thing that does not compile.
pub fn load(folder: &Path) -> Result<Arc<Project>, String> {
    let schema = read(&folder.join("schema.sql"))?;
    let views = folder.join("views");
    let mut files = list(&views).map_err(|error| format!("{}: {error}", views.display()))?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    let views = files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    Project::compile(&schema, &views).map(Arc::new).map_err(|errors: Vec<CompileError>| {
        let texts: Vec<String> = errors.iter().map(|error| error.render(false)).collect();
        format!("{}: the project does not compile:\n{}", folder.display(), texts.concat())
    })
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn read(path: &Path) -> Result<Source, String> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    Ok(Source { name, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_and_wrong_sql_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(folder.path()).unwrap_err();
        assert!(error.contains("schema.sql"), "{error}");
        fs::write(folder.path().join("schema.sql"), "CREATE TABLE").unwrap();
        let error = load(folder.path()).unwrap_err();
        assert!(error.contains("does not compile") && error.contains("CREATE TABLE"), "{error}");
    }
}
