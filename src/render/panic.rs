//! What is told of a mistake of this program.

use std::any::Any;
use std::io::Write as _;
use std::panic::PanicHookInfo;

use super::workflow::no_command;

/// From here on a panic tells where in the program it came about, on stderr, and not what it was about: such a message
/// is made of the values at hand (`byte index 3 is not a char boundary; it is inside 'é' of …` repeats the text), and
/// these may be secrets. Only a message that stands in the program's text is told, since no value is in it.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let place =
            info.location().map_or_else(|| "a place that is not known".to_owned(), ToString::to_string);
        let text = no_command(&told(&place, info.payload()));
        // A closed pipe is no error.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }));
}

fn told(place: &str, payload: &(dyn Any + Send)) -> String {
    let message = match payload.downcast_ref::<&'static str>() {
        Some(message) => format!(": {message}"),
        None => " (its message may hold values, and is not shown)".to_owned(),
    };
    format!(
        "error[internal]: a mistake of this program, at {place}{message}\n  = fix: what was done stands; run the same command again, and report this line\n"
    )
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn no_value_is_told() {
        let values: Box<dyn std::any::Any + Send> = Box::new("index of 'hunter2'".to_owned());
        assert!(!told("src/x.rs:1:2", &*values).contains("hunter2"));
        assert!(told("src/x.rs:1:2", &*values).contains("src/x.rs:1:2"));
        let text: Box<dyn std::any::Any + Send> = Box::new("a text of the program");
        assert!(told("", &*text).contains("a text of the program"));
    }
}
