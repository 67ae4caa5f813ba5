//! Writes the seeds of a target into a folder, for a fuzzer to start from: `seeds TARGET FOLDER`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let [target, folder] = std::env::args().skip(1).collect::<Vec<_>>().try_into().expect("two");
    std::fs::create_dir_all(&folder)?;
    for (index, seed) in anabranch_hostile::seeds::of(&target).iter().enumerate() {
        std::fs::write(Path::new(&folder).join(format!("seed-{index:04}")), seed)?;
    }
    Ok(())
}
