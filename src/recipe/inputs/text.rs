//! From what a caller wrote to a value of the input's shape.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::file::contained;
use super::{Outside, Parameter, Problem, problem};
use crate::diagnostic::{Diagnostic, codes};
use crate::recipe::suggest::{did_you_mean, list};
use crate::recipe::{Field, Input, Instance, Setting, Shape, parse_duration};
use crate::value::{Data, Value};

/// One input on its way to a value.
pub(super) struct Conversion<'a> {
    pub(super) instance: &'a Instance,
    pub(super) input: &'a Input,
    pub(super) outside: &'a dyn Outside,
}

/// Why a value is refused. `secret_literal` has its own code, so it is its own case.
pub(super) enum Refusal {
    /// The value does not have its form; the text names the part and what was expected.
    Form(String),
    /// A variable or file that the value names cannot be read.
    Unreadable(String),
    /// A secret that stands on the command line itself.
    Literal,
}

/// Where a text came from: a secret may stand in a file or variable, not on the command line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    OnArgv,
    Elsewhere,
}

impl Conversion<'_> {
    /// The value of all parameters for this input. A later whole value replaces what came before;
    /// keys add to it.
    pub(super) fn flags(&self, parameters: &[Parameter]) -> Result<Value, Problem> {
        let mut value: Option<Value> = None;
        for parameter in parameters {
            let key = parameter.keys.join(".");
            let refused = |refusal| self.problem(refusal, "-p", &key);
            if key.is_empty() {
                value = Some(self.flag(&parameter.value, &self.input.shape).map_err(refused)?);
                continue;
            }
            let (Shape::Map(held) | Shape::List(held)) = &self.input.shape else {
                return Err(refused(Refusal::Form("has no keys".to_owned())));
            };
            let element = self.flag(&parameter.value, held).map_err(refused)?;
            let is_map = matches!(self.input.shape, Shape::Map(_));
            let whole = value.get_or_insert_with(|| {
                Value::new(if is_map { Data::Map(IndexMap::new()) } else { Data::List(Vec::new()) })
            });
            match &mut whole.data {
                Data::Map(map) => {
                    map.insert(key.clone(), element);
                }
                Data::List(elements) => match key.parse::<usize>() {
                    Ok(index) if index < elements.len() => elements[index] = element,
                    Ok(index) if index == elements.len() => elements.push(element),
                    _ => {
                        let message = format!("the next element of the list is {}", elements.len());
                        return Err(refused(Refusal::Form(message)));
                    }
                },
                _ => {}
            }
        }
        let value = value.unwrap_or_else(Value::null);
        self.allowed(&value).map_err(|refusal| self.problem(refusal, "-p", ""))?;
        Ok(value)
    }

    /// The value of an environment variable.
    pub(super) fn environment(&self, text: &str, variable: &str) -> Result<Value, Problem> {
        self.of_text(text, &self.input.shape, Written::Elsewhere)
            .and_then(|value| self.allowed(&value).map(|()| value))
            .map_err(|refusal| self.problem(refusal, &format!("${variable}"), ""))
    }

    /// The value in a project file.
    pub(super) fn setting(&self, setting: &Setting) -> Result<Value, Problem> {
        // A secret in a file under version control is as bad as one on argv.
        let written = if self.input.secret { Written::OnArgv } else { Written::Elsewhere };
        self.of_json(&setting.value, &self.input.shape, written)
            .and_then(|value| self.allowed(&value).map(|()| value))
            .map_err(|refusal| {
                let found = self.problem(refusal, &setting.source.name, "");
                problem(found.label(&setting.source, setting.span, ""))
            })
    }

    fn flag(&self, text: &str, shape: &Shape) -> Result<Value, Refusal> {
        if *shape == Shape::File {
            return self.file_flag(text);
        }
        match text.strip_prefix('@') {
            Some("-") => {
                let text = self.outside.standard_input().map_err(|error| {
                    Refusal::Unreadable(format!("standard input cannot be read: {error}"))
                })?;
                self.of_text(without_newline(&text), shape, Written::Elsewhere)
            }
            Some(source) => {
                let text = match source.strip_prefix("env:") {
                    Some(name) => self.variable(name)?,
                    None => self.file(source)?,
                };
                self.of_text(&text, shape, Written::Elsewhere)
            }
            None => self.of_text(text, shape, Written::OnArgv),
        }
    }

    pub(super) fn variable(&self, name: &str) -> Result<String, Refusal> {
        self.outside
            .variable(name)
            .ok_or_else(|| Refusal::Unreadable(format!("the environment variable {name} is not set")))
    }

    fn file(&self, path: &str) -> Result<String, Refusal> {
        match self.outside.file(path) {
            Ok(text) => Ok(without_newline(&text).to_owned()),
            Err(error) => Err(Refusal::Unreadable(format!("the file {path} cannot be read: {error}"))),
        }
    }

    fn of_text(&self, text: &str, shape: &Shape, written: Written) -> Result<Value, Refusal> {
        let trimmed = text.trim();
        let structured = match shape {
            Shape::List(_) => trimmed.starts_with('['),
            Shape::Map(_) | Shape::Record(_) => true,
            _ => false,
        };
        if structured {
            let json: Json = serde_json::from_str(trimmed)
                .map_err(|error| Refusal::Form(format!("is not JSON: {}", place_of(&error))))?;
            return self.of_json(&json, shape, written);
        }
        if let Shape::List(held) = shape {
            let parts = trimmed.split(',').map(str::trim).filter(|part| !part.is_empty());
            let elements = parts.map(|part| self.of_text(part, held, written));
            return Ok(Value::new(Data::List(elements.collect::<Result<_, _>>()?)));
        }
        if *shape == Shape::File {
            return self.content(text);
        }
        if self.input.secret && written == Written::OnArgv {
            return Err(Refusal::Literal);
        }
        let expected = |what: &str| Refusal::Form(format!("is {}, not {what}", self.quoted(text)));
        match shape {
            Shape::Integer => trimmed
                .parse::<i64>()
                .map(|number| Value::from(Json::from(number)))
                .map_err(|_| expected("a whole number")),
            Shape::Number => serde_json::from_str::<serde_json::Number>(trimmed)
                .map(|number| Value::new(Data::Number(number)))
                .map_err(|_| expected("a number")),
            Shape::Boolean => match trimmed {
                "true" => Ok(Value::from(true)),
                "false" => Ok(Value::from(false)),
                _ => Err(expected("true or false")),
            },
            Shape::Duration if parse_duration(trimmed).is_none() => Err(expected("a duration such as 2m")),
            Shape::Duration => Ok(Value::from(trimmed)),
            Shape::Path if text.is_empty() || text.contains('\0') => Err(expected("a path")),
            _ => Ok(Value::from(text)),
        }
    }

    fn of_json(&self, json: &Json, shape: &Shape, written: Written) -> Result<Value, Refusal> {
        if let (Shape::File, Json::Object(members)) = (shape, json)
            && let Some(Json::String(path)) = members.get("$file").filter(|_| members.len() == 1)
        {
            return self.content(path);
        }
        if let Some(text) = self.leaf(json)? {
            if *shape == Shape::File {
                return Ok(contained(text.into_bytes()));
            }
            return self.of_text(&text, shape, Written::Elsewhere);
        }
        let within = |part: &str| {
            let part = part.to_owned();
            move |refusal| match refusal {
                Refusal::Form(text) => Refusal::Form(format!("{part}: {text}")),
                other => other,
            }
        };
        match (shape, json) {
            (Shape::List(held), Json::Array(elements)) => {
                let elements = elements.iter().enumerate().map(|(index, element)| {
                    self.of_json(element, held, written).map_err(within(&index.to_string()))
                });
                Ok(Value::new(Data::List(elements.collect::<Result<_, _>>()?)))
            }
            (Shape::Map(held), Json::Object(members)) => {
                let members = members.iter().map(|(key, member)| {
                    let value = self.of_json(member, held, written).map_err(within(key))?;
                    Ok((key.clone(), value))
                });
                Ok(Value::new(Data::Map(members.collect::<Result<_, _>>()?)))
            }
            (Shape::Record(fields), Json::Object(members)) => self.record(fields, members, written),
            (Shape::Any, Json::Array(_)) => self.of_json(json, &Shape::List(Box::new(Shape::Any)), written),
            (Shape::Any, Json::Object(_)) => self.of_json(json, &Shape::Map(Box::new(Shape::Any)), written),
            (Shape::Any, Json::Null) => Ok(Value::null()),
            (
                Shape::String | Shape::Duration | Shape::Path | Shape::File | Shape::Any,
                Json::String(text),
            ) => self.of_text(text, shape, written),
            (Shape::Integer, Json::Number(number)) if number.is_i64() || number.is_u64() => {
                self.scalar(json, written)
            }
            (Shape::Number | Shape::Any, Json::Number(_)) | (Shape::Boolean | Shape::Any, Json::Bool(_)) => {
                self.scalar(json, written)
            }
            _ => Err(Refusal::Form(format!("expected {}, found {}", wanted(shape), found(json)))),
        }
    }

    fn scalar(&self, json: &Json, written: Written) -> Result<Value, Refusal> {
        if self.input.secret && written == Written::OnArgv {
            return Err(Refusal::Literal);
        }
        Ok(Value::from(json.clone()))
    }

    fn record(
        &self,
        fields: &IndexMap<String, Field>,
        members: &serde_json::Map<String, Json>,
        written: Written,
    ) -> Result<Value, Refusal> {
        let names = || fields.keys().map(String::as_str);
        if let Some(key) = members.keys().find(|key| !fields.contains_key(*key)) {
            let near = did_you_mean(key, names());
            let near = if near.is_empty() { format!("it has {}", list(names())) } else { near };
            return Err(Refusal::Form(format!("has no `{key}`: {near}")));
        }
        let mut record = IndexMap::new();
        for (name, field) in fields {
            match members.get(name) {
                Some(member) => {
                    let value =
                        self.of_json(member, &field.shape, written).map_err(|refusal| match refusal {
                            Refusal::Form(text) => Refusal::Form(format!("{name}: {text}")),
                            other => other,
                        })?;
                    record.insert(name.clone(), value);
                }
                None if field.optional => {}
                None => return Err(Refusal::Form(format!("needs `{name}`"))),
            }
        }
        Ok(Value::new(Data::Map(record)))
    }

    /// The text behind `{"$env": NAME}` or `{"$file": PATH}`.
    fn leaf(&self, json: &Json) -> Result<Option<String>, Refusal> {
        let Json::Object(members) = json else {
            return Ok(None);
        };
        let mut members = members.iter();
        match (members.next(), members.next()) {
            (Some((key, Json::String(name))), None) if key == "$env" => self.variable(name).map(Some),
            (Some((key, Json::String(path))), None) if key == "$file" => self.file(path).map(Some),
            (Some((key, _)), None) if key == "$env" || key == "$file" => {
                Err(Refusal::Form(format!("`{key}` takes a name as text")))
            }
            _ => Ok(None),
        }
    }

    /// Checks `one_of` and `pattern`.
    pub(super) fn allowed(&self, value: &Value) -> Result<(), Refusal> {
        if !self.input.one_of.is_empty() {
            let json = value.to_json().unwrap_or_default();
            if !self.input.one_of.contains(&json) {
                let all: Vec<String> = self.input.one_of.iter().map(Json::to_string).collect();
                return Err(Refusal::Form(format!("is none of {}", all.join(", "))));
            }
        }
        let Some(pattern) = &self.input.pattern else {
            return Ok(());
        };
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match &value.data {
                Data::String(text) if !pattern.is_match(text) => {
                    return Err(Refusal::Form(format!("{} does not have its form", self.quoted(text))));
                }
                Data::List(elements) => open.extend(elements),
                Data::Map(members) => open.extend(members.values()),
                _ => {}
            }
        }
        Ok(())
    }

    /// The text as it may be shown.
    fn quoted(&self, text: &str) -> String {
        if self.input.secret {
            return "the secret".to_owned();
        }
        if self.input.shape == Shape::File {
            return "its content".to_owned();
        }
        let short: String = text.chars().take(60).collect();
        let rest = if short.len() < text.len() { "…" } else { "" };
        format!("`{short}{rest}`")
    }

    pub(super) fn problem(&self, refusal: Refusal, origin: &str, key: &str) -> Problem {
        let name = &self.input.id.written;
        let recipe = self.instance.name();
        let dot = if key.is_empty() { "" } else { "." };
        let (code, message) = match refusal {
            Refusal::Form(text) => {
                (codes::BAD_INPUT, format!("`{name}{dot}{key}` of {recipe}, from {origin}: {text}"))
            }
            Refusal::Unreadable(text) => {
                (codes::UNREADABLE_INPUT, format!("`{name}{dot}{key}` of {recipe}: {text}"))
            }
            Refusal::Literal => {
                let fix = match self.input.env.first() {
                    Some(variable) => format!("export {variable}=…, or -p {name}=@FILE, @- or @env:NAME"),
                    None => format!("-p {name}=@FILE, @- or @env:NAME"),
                };
                let place = if origin == "-p" { "on the command line" } else { "in a project file" };
                let message = format!("`{name}` of {recipe} is a secret and may not stand {place}");
                return problem(Diagnostic::error(codes::SECRET_ON_ARGV, message).fix(fix));
            }
        };
        let diagnostic = Diagnostic::error(code, message);
        problem(match &self.input.description {
            Some(description) => diagnostic.note(description.clone()),
            None => diagnostic,
        })
    }
}

/// A file's text without the newline that editors put at its end.
fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// Where JSON breaks off; the library's own message would repeat parts of the text.
fn place_of(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Any => "a value",
        Shape::String => "text",
        Shape::Integer => "a whole number",
        Shape::Number => "a number",
        Shape::Boolean => "true or false",
        Shape::Duration => "a duration such as 2m",
        Shape::Path | Shape::File => "a path",
        Shape::List(_) => "a list",
        Shape::Map(_) | Shape::Record(_) => "a map",
    }
}

fn found(json: &Json) -> &'static str {
    match json {
        Json::Null => "nothing",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}
