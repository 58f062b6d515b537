//! The process's surroundings: environment, files, standard input. In the sandbox recipes take none
//! of their variables from them.

use std::io::Read;

use crate::recipe::inputs::Outside;

/// The largest file or standard input taken for an input, in bytes.
const MAX_INPUT: u64 = 1024 * 1024;

/// The real surroundings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings {
    /// In the sandbox the variables of recipes are the sandbox's own.
    pub(super) sandbox: bool,
}

impl Outside for Surroundings {
    fn input_variable(&self, name: &str) -> Option<String> {
        if self.sandbox {
            return crate::sandbox::seed::DEFAULTS
                .iter()
                .find(|(have, _)| *have == name)
                .map(|(_, value)| (*value).to_owned());
        }
        self.variable(name)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        bounded(file)
    }

    fn standard_input(&self) -> Result<String, String> {
        bounded(std::io::stdin().lock())
    }

    fn content(&self, path: &str) -> Result<Vec<u8>, String> {
        bounded_bytes(std::fs::File::open(path).map_err(|error| error.to_string())?)
    }

    fn standard_content(&self) -> Result<Vec<u8>, String> {
        bounded_bytes(std::io::stdin().lock())
    }
}

/// The text of a file or of standard input, within bounds.
pub(super) fn bounded(reader: impl Read) -> Result<String, String> {
    let bytes = bounded_bytes(reader)?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    // A file ends with a newline that is not part of the value.
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// All of a file or of standard input, within bounds.
pub(super) fn bounded_bytes(reader: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_INPUT + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if read as u64 > MAX_INPUT {
        return Err(format!("it is larger than {MAX_INPUT} bytes"));
    }
    Ok(bytes)
}
