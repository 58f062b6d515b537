//! What expressions are worth: three-valued, as SQL has it.

use super::Failure;
use super::catalog::{Catalog, Who, same};
use super::tree::{Comparison, Condition, Scalar, Select, Type, Value, View};
use crate::sandbox::rules::{Switch, Switches};

/// What an expression is evaluated in.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) catalog: Catalog<'s>,
    pub(super) name: &'s str,
    pub(super) parameters: &'s [String],
    pub(super) rules: &'s Switches,
    /// The rows that columns stand for: alias and what its columns hold.
    pub(super) rows: &'s [(String, Row)],
}

/// A row of a view: its columns in order.
pub(super) type Row = Vec<(&'static str, Value)>;

impl Scope<'_> {
    /// The rows of a query.
    pub(super) fn select(&self, select: &Select) -> Result<Vec<Vec<Value>>, Failure> {
        let mut found = Vec::new();
        self.join(select, self.rows, 0, &mut found)?;
        Ok(found)
    }

    fn join(
        &self,
        select: &Select,
        rows: &[(String, Row)],
        depth: usize,
        found: &mut Vec<Vec<Value>>,
    ) -> Result<(), Failure> {
        if let Some(source) = select.from.get(depth) {
            for row in self.view(source.view) {
                let mut more = rows.to_vec();
                more.push((source.alias.clone(), row));
                self.join(select, &more, depth + 1, found)?;
            }
            return Ok(());
        }
        let scope = Scope { rows, ..*self };
        for filter in &select.filters {
            if scope.holds(filter)? != Some(true) {
                return Ok(());
            }
        }
        found.push(select.columns.iter().map(|column| scope.value(column)).collect::<Result<_, _>>()?);
        Ok(())
    }

    fn view(&self, view: View) -> Vec<Row> {
        let row = |values: Vec<Value>| view.columns().iter().copied().zip(values).collect();
        match view {
            View::Principals => self
                .catalog
                .visible()
                .into_iter()
                .map(|one| {
                    row(vec![
                        Value::Text(one.name),
                        Value::Number(one.id),
                        Value::Text(one.kind),
                        one.sid.map_or(Value::Null, Value::Binary),
                        Value::Number(i64::from(one.fixed)),
                    ])
                })
                .collect(),
            View::RoleMembers => self
                .catalog
                .members()
                .into_iter()
                .map(|(role, member)| row(vec![Value::Number(role.id), Value::Number(member.id)]))
                .collect(),
        }
    }

    /// Whether a condition holds; none: unknown.
    pub(super) fn holds(&self, condition: &Condition) -> Result<Option<bool>, Failure> {
        Ok(match condition {
            Condition::Compare(comparison, left, right) => {
                let equal = equal(&self.value(left)?, &self.value(right)?)?;
                if *comparison == Comparison::Equal { equal } else { equal.map(|equal| !equal) }
            }
            Condition::IsNull(one) => Some(self.value(one)? == Value::Null),
            Condition::Exists(select) => Some(!self.select(select)?.is_empty()),
            Condition::Not(one) => self.holds(one)?.map(|holds| !holds),
            Condition::And(left, right) => match (self.holds(left)?, self.holds(right)?) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Condition::Or(left, right) => match (self.holds(left)?, self.holds(right)?) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        })
    }

    /// The value of an expression.
    pub(super) fn value(&self, scalar: &Scalar) -> Result<Value, Failure> {
        match scalar {
            Scalar::Value(value) => Ok(value.clone()),
            Scalar::Variable(name) => self.parameter(name),
            Scalar::Column { table, name } => Ok(self.column(table.as_deref(), name)),
            Scalar::Call { name, arguments } => {
                let values = arguments.iter().map(|one| self.value(one)).collect::<Result<Vec<_>, _>>()?;
                Ok(self.call(name, &values))
            }
            Scalar::Convert { to, length, value, style } => {
                self.convert(*to, *length, self.value(value)?, *style)
            }
        }
    }

    /// `@P1` is the first parameter.
    fn parameter(&self, name: &str) -> Result<Value, Failure> {
        let number = name.get(1..).and_then(|name| name.strip_prefix(['P', 'p'])?.parse::<usize>().ok());
        number
            .and_then(|number| self.parameters.get(number.checked_sub(1)?))
            .map(|value| Value::Text(value.clone()))
            .ok_or_else(|| Failure::new(137, format!("Must declare the scalar variable \"{name}\".")))
    }

    fn column(&self, table: Option<&str>, name: &str) -> Value {
        let rows = self.rows.iter().rev();
        rows.filter(|(alias, _)| table.is_none_or(|table| table.eq_ignore_ascii_case(alias)))
            .flat_map(|(_, row)| row)
            .find(|(column, _)| column.eq_ignore_ascii_case(name))
            .map_or(Value::Null, |(_, value)| value.clone())
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Value {
        let text = |index: usize| match arguments.get(index) {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let bit = |holds: bool| Value::Number(i64::from(holds));
        match name {
            "DB_NAME" => Value::Text(self.name.to_owned()),
            "USER_NAME" => Value::Text(match self.catalog.who {
                Who::Owner | Who::OwnerByGroup => "dbo".to_owned(),
                Who::User(name) => name.clone(),
            }),
            "ISNULL" => match arguments {
                [Value::Null, other] => other.clone(),
                [value, ..] => value.clone(),
                [] => Value::Null,
            },
            "IS_MEMBER" => {
                let role = text(0).filter(|role| self.role(role));
                role.map_or(Value::Null, |role| bit(self.told_member(role)))
            }
            "IS_ROLEMEMBER" => {
                let Some(role) = text(0).filter(|role| self.role(role)) else { return Value::Null };
                if arguments.len() == 1 {
                    return bit(self.told_member(role));
                }
                // A principal that is not there, or not seen, is unknown.
                let seen =
                    text(1).filter(|user| self.catalog.visible().iter().any(|one| same(&one.name, user)));
                seen.map_or(Value::Null, |user| bit(self.catalog.has(user, role)))
            }
            "DATABASE_PRINCIPAL_ID" => {
                let name = match (arguments, self.catalog.who) {
                    ([], Who::Owner | Who::OwnerByGroup) => Some("dbo"),
                    ([], Who::User(name)) => Some(name.as_str()),
                    _ => text(0),
                };
                let visible = self.catalog.visible();
                let found = name.and_then(|name| visible.iter().find(|one| same(&one.name, name)));
                found.map_or(Value::Null, |one| Value::Number(one.id))
            }
            "HAS_PERMS_BY_NAME" => match (text(0), text(1), text(2)) {
                (Some(name), Some(class), Some(permission))
                    if same(name, self.name) && class.eq_ignore_ascii_case("DATABASE") =>
                {
                    match permission.to_ascii_uppercase().as_str() {
                        "VIEW DEFINITION" => bit(self.catalog.view_definition()),
                        "ALTER ANY USER" => bit(self.catalog.alter_any_user()),
                        "ALTER ANY ROLE" => bit(self.catalog.alter_any_role()),
                        "CONTROL" | "ALTER" => bit(self.catalog.owner()),
                        "CONNECT" => bit(true),
                        _ => Value::Null,
                    }
                }
                _ => Value::Null,
            },
            _ => Value::Null,
        }
    }

    /// What `IS_MEMBER` and `IS_ROLEMEMBER` say of whoever has logged in: neither is supported for a member of
    /// the group that administers the server; that it is no rather than null is assumed (Microsoft Learn,
    /// `IS_ROLEMEMBER`, remarks).
    fn told_member(&self, role: &str) -> bool {
        *self.catalog.who != Who::OwnerByGroup && self.catalog.is_member(role)
    }

    fn role(&self, name: &str) -> bool {
        self.catalog.visible().iter().any(|one| one.kind == "R" && same(&one.name, name))
    }

    fn convert(&self, to: Type, length: usize, value: Value, style: i64) -> Result<Value, Failure> {
        let unfit = |from: &str, into: &str| {
            Err(Failure::new(8114, format!("Error converting data type {from} to {into}.")))
        };
        match (to, value) {
            (_, Value::Null) => Ok(Value::Null),
            (Type::Text, Value::Binary(bytes)) if style == 1 => {
                Ok(Value::Text(super::hex(&bytes).chars().take(length).collect()))
            }
            (Type::Text, Value::Binary(_)) => unfit("varbinary", "nvarchar"),
            (Type::Text, value) => {
                Ok(Value::Text(value.shown().unwrap_or_default().chars().take(length).collect()))
            }
            (Type::Binary, Value::Text(text)) if style == 1 => {
                if text.is_empty() && self.rules.holds(Switch::SqlEmptyHexConverts) {
                    return Ok(Value::Binary(Vec::new()));
                }
                let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
                match digits.and_then(super::unhex) {
                    Some(mut bytes) => {
                        bytes.truncate(length);
                        Ok(Value::Binary(bytes))
                    }
                    None => unfit("nvarchar", "varbinary"),
                }
            }
            (Type::Binary, Value::Binary(bytes)) => Ok(Value::Binary(bytes)),
            (Type::Binary, _) => unfit("nvarchar", "varbinary"),
            (Type::Number, Value::Text(text)) => match text.trim().parse() {
                Ok(number) => Ok(Value::Number(number)),
                Err(_) => Err(Failure::new(
                    245,
                    format!(
                        "Conversion failed when converting the nvarchar value '{text}' to data type int."
                    ),
                )),
            },
            (Type::Number, Value::Number(number)) => Ok(Value::Number(number)),
            (Type::Number, Value::Binary(_)) => unfit("varbinary", "int"),
        }
    }
}

/// Whether two values are the same; none when either is null.
fn equal(left: &Value, right: &Value) -> Result<Option<bool>, Failure> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(None),
        (Value::Text(left), Value::Text(right)) => Ok(Some(same(left, right))),
        (Value::Number(left), Value::Number(right)) => Ok(Some(left == right)),
        (Value::Binary(left), Value::Binary(right)) => Ok(Some(left == right)),
        (Value::Text(text), Value::Number(number)) | (Value::Number(number), Value::Text(text)) => match text
            .trim()
            .parse::<i64>()
        {
            Ok(parsed) => Ok(Some(parsed == *number)),
            Err(_) => Err(Failure::new(
                245,
                format!("Conversion failed when converting the nvarchar value '{text}' to data type int."),
            )),
        },
        _ => Err(Failure::new(
            402,
            "The data types nvarchar and varbinary are incompatible in the equal to operator.",
        )),
    }
}
