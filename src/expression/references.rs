//! Which paths an expression reads, without any value.

use jmespath::ast::Ast;

use super::parse::{Part, Query};
use super::{Reference, Span};

/// The references of all parts, in order of appearance.
pub(super) fn of(text: &str, parts: &[Part]) -> Vec<Reference> {
    let mut found = Vec::new();
    for part in parts {
        if let Part::Query(query) = part {
            let mut walk = Walk { text, query, found: &mut found };
            let end = walk.visit(&query.ast, Place::Document);
            walk.settle(&end);
        }
    }
    found.sort_by_key(|reference| (reference.span.start, reference.span.end));
    found
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
}

struct Walk<'a> {
    text: &'a str,
    query: &'a Query,
    found: &'a mut Vec<Reference>,
}

impl Walk<'_> {
    /// Notes a path that nothing extends further.
    fn settle(&mut self, place: &Place) {
        if let Place::Path(reference) = place {
            self.found.push(reference.clone());
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
                self.value(predicate, place.clone());
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
                        Ast::Expref { ast, .. } => self.value(ast, Place::Elsewhere),
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
