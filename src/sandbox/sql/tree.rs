//! What a batch says, as a tree.

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Statement {
    Select(Select),
    If {
        condition: Condition,
        then: Box<Statement>,
        otherwise: Option<Box<Statement>>,
    },
    Block(Vec<Statement>),
    Throw {
        number: i64,
        message: String,
    },
    CreateUser {
        name: String,
        origin: UserOrigin,
    },
    DropUser {
        name: String,
        if_exists: bool,
    },
    AlterRole {
        role: String,
        adds: bool,
        member: String,
    },
    /// A setting of the session that changes nothing here; `XACT_ABORT ON` ends a batch at its first error.
    Set {
        xact_abort: Option<bool>,
    },
}

/// Where a new user comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UserOrigin {
    /// `WITH SID = 0x…, TYPE = E`.
    Sid(Vec<u8>, String),
    /// `FROM EXTERNAL PROVIDER`: the directory is asked for the name.
    Directory,
}

/// A query over the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Select {
    pub(super) columns: Vec<Scalar>,
    pub(super) from: Vec<Source>,
    pub(super) filters: Vec<Condition>,
}

/// A view with the name it has in the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) view: View,
    pub(super) alias: String,
}

/// The views there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Principals,
    RoleMembers,
}

impl View {
    pub(super) fn find(schema: &str, name: &str) -> Option<View> {
        match (schema.to_ascii_lowercase().as_str(), name.to_ascii_lowercase().as_str()) {
            ("sys", "database_principals") => Some(View::Principals),
            ("sys", "database_role_members") => Some(View::RoleMembers),
            _ => None,
        }
    }

    /// Its columns, as far as they are played.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            View::Principals => &["name", "principal_id", "type", "sid", "is_fixed_role"],
            View::RoleMembers => &["role_principal_id", "member_principal_id"],
        }
    }
}

/// What has a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Value(Value),
    Variable(String),
    Column { table: Option<String>, name: String },
    Call { name: String, arguments: Vec<Scalar> },
    Convert { to: Type, length: usize, value: Box<Scalar>, style: i64 },
}

/// What a value can be converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Binary,
    Number,
}

/// What holds, does not hold, or is unknown.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Compare(Comparison, Scalar, Scalar),
    IsNull(Scalar),
    Exists(Box<Select>),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    Number(i64),
    Binary(Vec<u8>),
}

impl Value {
    /// The value as a row of an answer has it.
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Value::Null => None,
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Binary(bytes) => Some(super::hex(bytes)),
        }
    }
}
