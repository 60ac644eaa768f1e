//! onnxruntime's own library, loaded once a process.

use std::panic::catch_unwind;
use std::path::Path;

use ecology_core::sync::Mutex;

use super::OnnxError;

const FIX: &str = "run: pip install --upgrade onnxruntime";

/// One at a time: what is loaded cannot be unloaded, and a second configuration of it is ignored.
static LOADED: Mutex<bool> = Mutex::new(false);

/// Loads the library at `path`; does nothing if one is loaded already. It sends no telemetry and writes errors only.
///
/// The crate panics when a library has another interface than it expects, so its version is looked at before this is called, and
/// what panics all the same is an error here.
pub fn load(path: &Path) -> Result<(), OnnxError> {
    let mut loaded = LOADED.lock();
    if *loaded {
        return Ok(());
    }
    let wrong = |problem: String| OnnxError::new(path, problem, FIX);
    let opened = catch_unwind(|| {
        let environment = ort::init_from(path).map_err(|error| error.to_string())?;
        environment.with_name("ecology").with_telemetry(false).commit();
        // Asked for now, since the first use of an interface that is absent would be a panic.
        ort::api();
        Ok::<_, String>(())
    });
    match opened {
        Ok(Ok(())) => *loaded = true,
        Ok(Err(problem)) => return Err(wrong(format!("it cannot be loaded: {problem}"))),
        Err(_) => return Err(wrong("it is a library of another interface than this release uses".into())),
    }
    Ok(())
}
