//! Which paths an expression reads, without any value.

use jmespath::ast::Ast;

use super::parse::{Part, Query};
use super::{Reference, Span};

/// The references of all parts, in order of appearance.
pub(super) fn of(text: &str, parts: &[Part]) -> Vec<Reference> {
    both(text, parts).0
}

/// Paths from elements of a list, where a filter or an expression argument looks at one.
pub(super) fn relative(text: &str, parts: &[Part]) -> Vec<Reference> {
    both(text, parts).1
}

fn both(text: &str, parts: &[Part]) -> (Vec<Reference>, Vec<Reference>) {
    let (mut found, mut relative) = (Vec::new(), Vec::new());
    for part in parts {
        if let Part::Query(query) = part {
            let mut walk = Walk { text, query, found: &mut found, relative: &mut relative };
            let end = walk.visit(&query.ast, Place::Document);
            walk.settle(&end);
        }
    }
    for all in [&mut found, &mut relative] {
        all.sort_by_key(|reference| (reference.span.start, reference.span.end));
    }
    (found, relative)
}

/// Where a node looks.
#[derive(Clone)]
enum Place {
    /// At the whole document: a field is a root.
    Document,
    /// At a path from a root: a field goes on.
    Path(Reference),
    /// At something else: a field says nothing about the document.
    Elsewhere,
    /// At an element, within a filter or an expression argument: a field is one of the element's.
    Element,
    /// At a path from such an element.
    Within(Reference),
}

struct Walk<'a> {
    text: &'a str,
    query: &'a Query,
    found: &'a mut Vec<Reference>,
    relative: &'a mut Vec<Reference>,
}

impl Walk<'_> {
    /// Notes a path that nothing extends further.
    fn settle(&mut self, place: &Place) {
        match place {
            Place::Path(reference) => self.found.push(reference.clone()),
            Place::Within(reference) => self.relative.push(reference.clone()),
            Place::Document | Place::Elsewhere | Place::Element => {}
        }
    }

    /// Visits a node that looks at `place` and says where its value stands.
    fn visit(&mut self, ast: &Ast, place: Place) -> Place {
        match ast {
            Ast::Identity { .. } => place,
            Ast::Field { offset, name } => self.field(*offset, name, place),
            Ast::Subexpr { lhs, rhs, .. } => self.step(lhs, rhs, place),
            Ast::Index { .. } | Ast::Slice { .. } => {
                self.settle(&place);
                Place::Elsewhere
            }
            Ast::Flatten { node, .. } | Ast::ObjectValues { node, .. } | Ast::Not { node, .. } => {
                self.value(node, place);
                Place::Elsewhere
            }
            Ast::Or { lhs, rhs, .. } | Ast::And { lhs, rhs, .. } => {
                self.either([lhs.as_ref(), rhs.as_ref()], &place)
            }
            Ast::Comparison { lhs, rhs, .. } => {
                self.value(lhs, place.clone());
                self.value(rhs, place);
                Place::Elsewhere
            }
            Ast::Condition { predicate, then, .. } => {
                let looks_at = if matches!(place, Place::Elsewhere) { Place::Element } else { place.clone() };
                self.value(predicate, looks_at);
                self.value(then, place);
                Place::Elsewhere
            }
            Ast::Projection { lhs, rhs, .. } => {
                self.value(lhs, place);
                self.value(rhs, Place::Elsewhere);
                Place::Elsewhere
            }
            Ast::Function { name, .. } if name == "root" => Place::Document,
            Ast::Function { name, args, .. } if name == "if" || name == "not_null" => {
                self.either(args, &place)
            }
            Ast::Function { args, .. } => {
                for arg in args {
                    match arg {
                        Ast::Expref { ast, .. } => self.value(ast, Place::Element),
                        arg => self.value(arg, place.clone()),
                    }
                }
                Place::Elsewhere
            }
            Ast::MultiList { elements, .. } => {
                for element in elements {
                    self.value(element, place.clone());
                }
                Place::Elsewhere
            }
            Ast::MultiHash { elements, .. } => {
                for pair in elements {
                    self.value(&pair.value, place.clone());
                }
                Place::Elsewhere
            }
            Ast::Literal { .. } | Ast::Expref { .. } => Place::Elsewhere,
        }
    }

    fn value(&mut self, ast: &Ast, place: Place) {
        let end = self.visit(ast, place);
        self.settle(&end);
    }

    /// One of several values: the document if one of them is (`(a || @) | b` reads the root b).
    fn either<'a>(&mut self, branches: impl IntoIterator<Item = &'a Ast>, place: &Place) -> Place {
        let mut result = Place::Elsewhere;
        for branch in branches {
            match self.visit(branch, place.clone()) {
                Place::Document => result = Place::Document,
                end => self.settle(&end),
            }
        }
        result
    }

    /// `left.right` and `left | right`: what goes on from the left says more than the left by itself,
    /// which counts only when nothing does (`a.{x: 'literal'}`).
    fn step(&mut self, lhs: &Ast, rhs: &Ast, place: Place) -> Place {
        let left = self.visit(lhs, place);
        let before = self.found.len();
        let end = self.visit(rhs, left.clone());
        if let Place::Path(left) = left {
            let goes_on = |reference: &Reference| reference.path.starts_with(&left.path);
            let since = self.found.get(before..).unwrap_or_default();
            let extended = matches!(&end, Place::Path(end) if goes_on(end));
            if !extended && !since.iter().any(goes_on) {
                self.found.push(left);
            }
        }
        end
    }

    fn field(&self, offset: usize, name: &str, place: Place) -> Place {
        let start = self.query.start + offset;
        let end = self.field_end(start, name);
        match place {
            Place::Document => {
                Place::Path(Reference { path: vec![name.to_owned()], span: Span { start, end } })
            }
            Place::Path(mut reference) => {
                reference.path.push(name.to_owned());
                reference.span.end = end.max(reference.span.start);
                Place::Path(reference)
            }
            Place::Element => {
                Place::Within(Reference { path: vec![name.to_owned()], span: Span { start, end } })
            }
            Place::Within(mut reference) => {
                reference.path.push(name.to_owned());
                reference.span.end = end.max(reference.span.start);
                Place::Within(reference)
            }
            Place::Elsewhere => Place::Elsewhere,
        }
    }

    fn field_end(&self, start: usize, name: &str) -> usize {
        let rest = self.text.get(start..self.query.end).unwrap_or_default();
        let Some(quoted) = rest.strip_prefix('"') else {
            return (start + name.len()).min(self.query.end);
        };
        let mut escaped = false;
        for (index, byte) in quoted.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return start + index + 2,
                _ => {}
            }
        }
        self.query.end
    }
}
