//! The log of a task run: lines as they come, and what of it says why the run failed.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::value::strip_control;

/// How many of the last lines are told of a run that failed.
const TOLD: usize = 15;

/// The most characters of a line that are shown.
const LONGEST: usize = 500;

/// The most bytes that are kept of a line that does not end.
const LONGEST_KEPT: usize = 64 * 1024;

/// A log that is being read.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How many bytes of it were read.
    pub(super) read: u64,
    /// A line that is not complete.
    rest: Vec<u8>,
    last: VecDeque<String>,
    /// The step of the task that runs, as the task names it.
    task_step: Option<String>,
    /// The step of the Dockerfile that runs.
    step: Option<String>,
}

impl Log {
    /// Takes in more of the log; gives the lines that are complete, fit to be shown.
    pub(super) fn take(&mut self, more: &Bytes) -> Vec<String> {
        self.read += more.len() as u64;
        let mut lines = Vec::new();
        for byte in more {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.rest);
                lines.extend(self.line(&line));
            } else if self.rest.len() < LONGEST_KEPT {
                self.rest.push(*byte);
            }
        }
        lines
    }

    /// The line that no other follows.
    pub(super) fn end(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.rest);
        self.line(&line)
    }

    fn line(&mut self, bytes: &[u8]) -> Option<String> {
        let line = shown(&String::from_utf8_lossy(bytes));
        if line.is_empty() {
            return None;
        }
        if let Some((_, step)) = line.split_once("Executing step ID: ") {
            self.task_step = Some(step.split('.').next().unwrap_or_default().trim().to_owned());
            self.step = None;
        }
        if is_step(&line) {
            self.step = Some(line.clone());
        }
        if self.last.len() == TOLD {
            self.last.pop_front();
        }
        self.last.push_back(line.clone());
        Some(line)
    }

    /// The last lines.
    pub(super) fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }

    /// The step of the Dockerfile that was on, as the builder names it.
    pub(super) fn step(&self) -> Option<&str> {
        self.step.as_deref()
    }

    /// Whether the step `name` of the task was on.
    pub(super) fn was_at(&self, name: &str) -> bool {
        self.task_step.as_deref() == Some(name)
    }
}

/// Whether a line begins a step of a Dockerfile: `Step 2/5 : RUN …` of the classic builder, `#7 [2/5] RUN …` of
/// `BuildKit`.
fn is_step(line: &str) -> bool {
    let count = |text: &str| {
        text.split_once('/').is_some_and(|(step, all)| {
            let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
            digits(step) && digits(all)
        })
    };
    if let Some(rest) = line.strip_prefix("Step ") {
        return count(rest.split(' ').next().unwrap_or_default());
    }
    let Some((_, rest)) = line.strip_prefix('#').and_then(|rest| rest.split_once(" [")) else { return false };
    rest.split_once(']').is_some_and(|(inner, _)| count(inner.split(' ').next_back().unwrap_or_default()))
}

/// A line of a log as it can be shown: without control characters, and nothing in it that a pipeline would take
/// for a command to it (`::add-mask::` of GitHub, `##vso[…]` and `##[…]` of Azure Pipelines): what an image is
/// built from may come from anybody.
pub(super) fn shown(line: &str) -> String {
    let line = strip_control(line.trim_end_matches('\r'));
    let line = line.trim().replace("##vso[", "## vso[").replace("##[", "## [");
    let line = match line.strip_prefix("::") {
        Some(rest) => format!(": :{rest}"),
        None => line,
    };
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_when_they_are_complete_and_keep_no_command() {
        let mut log = Log::default();
        assert!(log.take(&Bytes::from_static(b"Step 1/2 : FROM py")).is_empty());
        assert_eq!(
            log.take(&Bytes::from_static(b"thon\r\n::add-mask::x\n")),
            ["Step 1/2 : FROM python", ": :add-mask::x"]
        );
        assert_eq!(log.read, 38);
        let lines =
            log.take(&Bytes::from_static(b"\x1b[31mred ##vso[task.setvariable]x\xff\n  ##[error]y\n\nend"));
        assert!(
            lines
                .iter()
                .all(|line| !line.contains("##vso[") && !line.contains("##[") && !line.contains('\u{1b}'))
        );
        assert_eq!(lines.len(), 2);
        assert_eq!(log.end().as_deref(), Some("end"));
        assert_eq!(log.step(), Some("Step 1/2 : FROM python"));
    }

    #[test]
    fn steps_of_both_builders_are_known() {
        for line in ["Step 2/5 : RUN pip", "#7 [2/5] RUN pip", "#12 [builder 3/14] COPY . ."] {
            assert!(is_step(line), "{line}");
        }
        for line in ["Step two", "#7 0.1 pip", "#7 [internal] load", "Stepping 1/2"] {
            assert!(!is_step(line), "{line}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_kept_whole() {
        let mut log = Log::default();
        for _ in 0..40 {
            log.take(&Bytes::from(vec![b'x'; 16 * 1024]));
        }
        assert!(log.end().is_some_and(|line| line.chars().count() <= LONGEST + 1));
    }
}
