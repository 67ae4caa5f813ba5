//! A project folder: `schema.sql` and `views/*.sql`, read and compiled.

use crate::failure::invalid;
use anabranch_core::project::Project;
use anabranch_core::sql::{CompileError, Source};
use anyhow::Context;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads and compiles the project in `folder`.
pub(crate) fn load(folder: &Path) -> anyhow::Result<Arc<Project>> {
    let (schema, views) = sources(folder)?;
    Project::compile(&schema, &views).map(Arc::new).map_err(|errors| DoesNotCompile(errors).into())
}

/// What a project is compiled from: the schema, and the views in the order of their files' names.
fn sources(folder: &Path) -> anyhow::Result<(Source, Vec<Source>)> {
    let hint = format!("make a project with `anabranch init {}`", folder.display());
    if !folder.is_dir() {
        return Err(invalid(format!("{}: no such folder; {hint}", folder.display())));
    }
    let schema = folder.join("schema.sql");
    if !schema.is_file() {
        let message = format!("{}: no such file, so this is no project; {hint}", schema.display());
        return Err(invalid(message));
    }
    let views = view_files(&folder.join("views"))?;
    let views = views.iter().map(|path| read(path)).collect::<anyhow::Result<_>>()?;
    Ok((read(&schema)?, views))
}

fn view_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context(folder.display().to_string()),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> anyhow::Result<Source> {
    let name = path.display().to_string();
    let bytes = fs::read(path).with_context(|| name.clone())?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { name, text }),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            Err(invalid(format!("{name}: byte {at} is not UTF-8; SQL files must be")))
        }
    }
}

/// Everything that is wrong with a project's SQL.
#[derive(Debug)]
pub(crate) struct DoesNotCompile(Vec<CompileError>);

impl DoesNotCompile {
    /// Every error with its line of source and the offending text marked.
    pub(crate) fn render(&self, colour: bool) -> String {
        self.0.iter().map(|error| error.render(colour)).collect()
    }
}

impl fmt::Display for DoesNotCompile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors: usize = self.0.iter().map(|error| error.diagnostics().len()).sum();
        let plural = if errors == 1 { "" } else { "s" };
        write!(f, "the project does not compile: {errors} error{plural}")
    }
}

impl std::error::Error for DoesNotCompile {}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(folder: &Path) -> String {
        format!("{:#}", load(folder).unwrap_err())
    }

    #[test]
    fn what_is_no_project_is_refused_with_the_way_to_make_one() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("nowhere");
        for path in [missing.as_path(), folder.path()] {
            let message = failure(path);
            assert!(message.contains(&format!("anabranch init {}", path.display())), "{message}");
        }
    }

    #[test]
    fn a_source_that_is_not_utf8_is_named_with_the_place() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("schema.sql"), b"CREATE \xff").unwrap();
        let message = failure(folder.path());
        assert!(message.contains("schema.sql: byte 7 is not UTF-8"), "{message}");
    }

    #[test]
    fn views_come_in_the_order_of_their_names_and_other_files_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let views = folder.path().join("views");
        fs::create_dir(&views).unwrap();
        fs::write(folder.path().join("schema.sql"), "").unwrap();
        for name in ["b.sql", "a.sql", "notes.md"] {
            fs::write(views.join(name), name).unwrap();
        }
        let (_, sources) = sources(folder.path()).unwrap();
        let texts: Vec<_> = sources.iter().map(|source| source.text.as_str()).collect();
        assert_eq!(texts, ["a.sql", "b.sql"]);
    }
}
