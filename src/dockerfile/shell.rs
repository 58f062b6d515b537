//! The commands of a text for a shell: as much of its grammar as is needed to find which programs run with which
//! words.

use super::lines::Char;
use super::{Place, Word};

/// One command: a program and its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Its words, without quotes.
    pub words: Vec<Word>,
}

/// Words that come before a program, and take none of their own.
const BEFORE: &[&str] = &[
    "if", "then", "else", "elif", "while", "until", "do", "!", "{", "time", "sudo", "exec", "command",
    "nohup",
];

impl Command {
    /// Where it begins.
    pub fn place(&self) -> Place {
        self.words.first().map(|word| word.place).unwrap_or_default()
    }

    /// The program's name without its folder and the words after it; assignments, `sudo`, `env` and the like
    /// before it are left out.
    pub fn program(&self) -> Option<(&str, &[Word])> {
        let mut env = false;
        let skipped = |word: &&Word| {
            let text = word.text.as_str();
            let flag = env && text.starts_with('-');
            env = env || text == "env" || text == "sudo";
            flag || text == "env" || BEFORE.contains(&text) || is_assignment(text)
        };
        let at = self.words.iter().take_while(skipped).count();
        let (program, words) = self.words.get(at..)?.split_first()?;
        Some((program.text.rsplit('/').next().unwrap_or_default(), words))
    }
}

/// What a shell is given to run as a text (`sh -c TEXT`): the shell's name and the text; `None`: it is something else.
pub(super) fn script<'w>(program: &'w str, words: &'w [Word]) -> Option<(&'w str, &'w Word)> {
    let name = program.rsplit('/').next().unwrap_or_default();
    if !matches!(name, "sh" | "bash" | "ash" | "dash") {
        return None;
    }
    let flag =
        |word: &Word| word.text.starts_with('-') && !word.text.starts_with("--") && word.text.ends_with('c');
    let at = words.iter().position(flag)?;
    Some((name, words.get(at + 1)?))
}

/// The commands with those of `sh -c TEXT` in the place of the shell's; not those within these again.
pub(super) fn within(commands: Vec<Command>) -> Vec<Command> {
    let mut all = Vec::with_capacity(commands.len());
    for command in commands {
        let text =
            command.program().and_then(|(program, words)| script(program, words)).map(|(_, text)| text);
        match text {
            Some(text) => all.extend(self::commands(&super::lines::placed(&text.text, text.place))),
            None => all.push(command),
        }
    }
    all
}

fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|one: char| one.is_ascii_digit())
            && name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
    })
}

/// The commands of a text, in the order they are written.
pub(super) fn commands(chars: &[Char]) -> Vec<Command> {
    let mut reader = Reader::default();
    let mut at = 0;
    while let Some(one) = chars.get(at) {
        let next = chars.get(at + 1).map(|next| next.char);
        at += 1;
        match one.char {
            '\'' => at = reader.until(chars, at, one.place, '\'', false),
            '"' => at = reader.until(chars, at, one.place, '"', true),
            '`' => at = reader.until(chars, at, one.place, '`', true),
            '\\' => {
                // Before a line break it continues the line.
                if let Some(next) = next.filter(|next| *next != '\n') {
                    reader.push(next, one.place);
                }
                at += 1;
            }
            '$' if next == Some('(') => at = reader.substitution(chars, at, one.place),
            '#' if reader.word.is_none() => {
                at += chars[at..].iter().take_while(|one| one.char != '\n').count();
            }
            // `2>&1` and `&>` are no ends.
            '&' if reader.ends_with(['>', '<']) || next == Some('>') => reader.push('&', one.place),
            '\n' | ';' | '|' | '&' | '(' | ')' => reader.end_command(),
            char if char.is_whitespace() => reader.end_word(),
            char => reader.push(char, one.place),
        }
    }
    reader.end_command();
    reader.commands
}

#[derive(Default)]
struct Reader {
    commands: Vec<Command>,
    words: Vec<Word>,
    word: Option<Word>,
}

impl Reader {
    fn push(&mut self, char: char, place: Place) {
        self.word.get_or_insert_with(|| Word { text: String::new(), place }).text.push(char);
    }

    fn ends_with(&self, ends: [char; 2]) -> bool {
        self.word.as_ref().is_some_and(|word| word.text.ends_with(ends))
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end_command(&mut self) {
        self.end_word();
        if !self.words.is_empty() {
            self.commands.push(Command { words: std::mem::take(&mut self.words) });
        }
    }

    /// Takes what stands in quotes; gives the place after them.
    fn until(&mut self, chars: &[Char], mut at: usize, place: Place, close: char, escapes: bool) -> usize {
        self.word.get_or_insert_with(|| Word { text: String::new(), place });
        while let Some(one) = chars.get(at) {
            at += 1;
            match one.char {
                char if char == close => break,
                '\\' if escapes && at < chars.len() => {
                    let next = chars[at].char;
                    if !(matches!(next, '"' | '\\' | '$' | '`' | '\n')) {
                        self.push('\\', one.place);
                    }
                    if next != '\n' {
                        self.push(next, one.place);
                    }
                    at += 1;
                }
                char => self.push(char, one.place),
            }
        }
        at
    }

    /// Takes `$(…)` as part of a word: what runs in it is not looked at.
    fn substitution(&mut self, chars: &[Char], mut at: usize, place: Place) -> usize {
        self.push('$', place);
        let mut depth = 0_usize;
        while let Some(one) = chars.get(at) {
            at += 1;
            self.push(one.char, one.place);
            match one.char {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        at
    }
}
