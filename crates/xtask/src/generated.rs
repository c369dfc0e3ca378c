//! Files that are made from others must be what their generator gives now.

use std::path::Path;
use std::process::Command;

use crate::run::{root, run, stdout, succeeds, target_folder};

/// The release of botocore that carries the KMS service model. Change it together with `model.rs`.
const BOTOCORE: &str = "botocore==1.44.5";

const MODEL_IN_WHEEL: &str = "botocore/data/kms/2014-11-01/service-2.json";

/// `crates/kms-model/src/generated.rs` against the published model, which is fetched by pip and not kept here.
pub(crate) fn check_model() -> Result<(), String> {
    let folder = target_folder()?.join("model").join(BOTOCORE);
    if find_model(&folder).is_none() {
        if !succeeds("python3", &["-m", "pip", "--version"]) {
            eprintln!("skipped: the model is fetched by pip, which is not installed");
            return Ok(());
        }
        match fetch_model(&folder) {
            Ok(()) => {}
            // At a desk without network the rest of the check is still worth having; in CI nothing is skipped.
            Err(reason) if std::env::var_os("CI").is_none() => {
                eprintln!("skipped: {reason}");
                return Ok(());
            }
            Err(reason) => return Err(reason),
        }
    }
    let model = find_model(&folder).ok_or_else(|| format!("{BOTOCORE} holds no {MODEL_IN_WHEEL}"))?;
    crate::model::run(&[model, "--check".to_owned()])
}

/// `docs/operations.md` against what the built server says about itself.
pub(crate) fn check_operations() -> Result<(), String> {
    let program = target_folder()?.join("debug/strongroom");
    let expected = stdout(Command::new(program).args(["operations", "--markdown"]))?;
    let path = root().join("docs/operations.md");
    let present = std::fs::read_to_string(&path).map_err(|error| format!("docs/operations.md: {error}"))?;
    if present.trim_end() == expected.trim_end() {
        return Ok(());
    }
    Err("docs/operations.md is out of date; write the output of `strongroom operations --markdown` to it".to_owned())
}

fn fetch_model(folder: &Path) -> Result<(), String> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest"]);
    run(pip.arg(folder).arg(BOTOCORE))?;
    let wheels = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut wheels = wheels.flatten().map(|entry| entry.path());
    let wheel = wheels.find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    let wheel = wheel.ok_or("pip fetched no wheel")?;
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(folder))
}

/// The model is plain in some releases and gzipped in others.
fn find_model(folder: &Path) -> Option<String> {
    let plain = folder.join(MODEL_IN_WHEEL);
    let packed = folder.join(format!("{MODEL_IN_WHEEL}.gz"));
    [plain, packed].into_iter().find(|path| path.is_file()).map(|path| path.to_string_lossy().into_owned())
}
