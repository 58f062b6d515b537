//! From tokens to statements: the few that matter to users of databases. Whatever else is T-SQL is not
//! known here, and answered as what is not T-SQL.

use super::Failure;
use super::tokens::{Token, cut};
use super::tree::{Comparison, Condition, Scalar, Select, Source, Statement, Type, UserOrigin, Value, View};

/// Words that name nothing unless they are quoted (Microsoft Learn, reserved keywords), as far as they come
/// up in statements about users.
const RESERVED: &[&str] = &[
    "ADD",
    "ALL",
    "ALTER",
    "AND",
    "AS",
    "BEGIN",
    "BY",
    "CONVERT",
    "CREATE",
    "CURRENT_USER",
    "DATABASE",
    "DELETE",
    "DENY",
    "DROP",
    "ELSE",
    "END",
    "EXEC",
    "EXECUTE",
    "EXISTS",
    "EXTERNAL",
    "FROM",
    "GRANT",
    "GROUP",
    "IF",
    "IN",
    "INSERT",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "LIKE",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER",
    "PRINT",
    "PUBLIC",
    "REVOKE",
    "SCHEMA",
    "SELECT",
    "SESSION_USER",
    "SET",
    "SYSTEM_USER",
    "TABLE",
    "TO",
    "TOP",
    "TRUNCATE",
    "UNION",
    "UPDATE",
    "USE",
    "USER",
    "VALUES",
    "WHERE",
    "WHILE",
    "WITH",
];

/// The functions there are, with the fewest and most arguments.
const FUNCTIONS: &[(&str, usize, usize)] = &[
    ("DATABASE_PRINCIPAL_ID", 0, 1),
    ("DB_NAME", 0, 0),
    ("HAS_PERMS_BY_NAME", 3, 3),
    ("IS_ROLEMEMBER", 1, 2),
    ("IS_MEMBER", 1, 1),
    ("ISNULL", 2, 2),
    ("USER_NAME", 0, 0),
];

/// The statements of a batch. Nothing of a batch runs unless all of it is understood.
pub(super) fn batch(text: &str) -> Result<Vec<Statement>, Failure> {
    let mut parser = Parser { tokens: cut(text)?, at: 0 };
    let mut statements = Vec::new();
    let mut ended = true;
    loop {
        while parser.sign(";") {
            ended = true;
        }
        if parser.peek().is_none() {
            break;
        }
        // THROW wants the statement before it to be ended.
        if !ended && parser.is_word("THROW") {
            return Err(Failure::near("THROW"));
        }
        // An identifier that begins a batch is a procedure to be run.
        if statements.is_empty()
            && let Some(Token::Quoted(name)) = parser.peek()
        {
            return Err(Failure::new(2812, format!("Could not find stored procedure '{name}'.")));
        }
        statements.push(parser.statement()?);
        ended = parser.sign(";");
    }
    for statement in &statements {
        bound(statement)?;
    }
    Ok(statements)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(text)) if text.eq_ignore_ascii_case(word))
    }

    /// Whether the next token is this word, which is then passed.
    fn word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.at += usize::from(is);
        is
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Sign(own)) if *own == sign);
        self.at += usize::from(is);
        is
    }

    /// The error for the token that stands here: the last one at the end.
    fn wrong(&self) -> Failure {
        match self.peek().or(self.tokens.last()) {
            Some(Token::Word(word)) if RESERVED.contains(&word.to_ascii_uppercase().as_str()) => {
                Failure::new(156, format!("Incorrect syntax near the keyword '{word}'."))
            }
            Some(token) => Failure::near(&token.shown()),
            None => Failure::near(""),
        }
    }

    fn need_word(&mut self, word: &str) -> Result<(), Failure> {
        if self.word(word) { Ok(()) } else { Err(self.wrong()) }
    }

    fn need_sign(&mut self, sign: &str) -> Result<(), Failure> {
        if self.sign(sign) { Ok(()) } else { Err(self.wrong()) }
    }

    /// A name, quoted or regular.
    fn name(&mut self) -> Result<String, Failure> {
        let name = match self.peek() {
            Some(Token::Quoted(name)) => name.clone(),
            Some(Token::Word(word)) if !RESERVED.contains(&word.to_ascii_uppercase().as_str()) => {
                word.clone()
            }
            _ => return Err(self.wrong()),
        };
        self.at += 1;
        Ok(name)
    }

    fn number(&mut self) -> Result<i64, Failure> {
        let Some(Token::Number(number)) = self.peek() else { return Err(self.wrong()) };
        let number = *number;
        self.at += 1;
        Ok(number)
    }

    fn statement(&mut self) -> Result<Statement, Failure> {
        if self.is_word("SELECT") {
            return self.select().map(Statement::Select);
        }
        if self.word("IF") {
            let condition = self.condition()?;
            let then = Box::new(self.statement()?);
            let before = self.at;
            self.sign(";");
            if self.word("ELSE") {
                let otherwise = Some(Box::new(self.statement()?));
                return Ok(Statement::If { condition, then, otherwise });
            }
            self.at = before;
            return Ok(Statement::If { condition, then, otherwise: None });
        }
        if self.word("BEGIN") {
            let mut inner = Vec::new();
            while !self.word("END") {
                if !self.sign(";") {
                    inner.push(self.statement()?);
                }
            }
            return if inner.is_empty() { Err(Failure::near("END")) } else { Ok(Statement::Block(inner)) };
        }
        if self.word("THROW") {
            return self.throw();
        }
        if self.word("SET") {
            let xact_abort = self.word("XACT_ABORT");
            if !xact_abort {
                self.need_word("NOCOUNT")?;
            }
            let on = self.word("ON");
            if !on {
                self.need_word("OFF")?;
            }
            return Ok(Statement::Set { xact_abort: xact_abort.then_some(on) });
        }
        if self.word("CREATE") {
            self.need_word("USER")?;
            return self.create_user();
        }
        if self.word("DROP") {
            self.need_word("USER")?;
            let if_exists = self.word("IF");
            if if_exists {
                self.need_word("EXISTS")?;
            }
            return Ok(Statement::DropUser { name: self.name()?, if_exists });
        }
        if self.word("ALTER") {
            self.need_word("ROLE")?;
            let role = self.name()?;
            let adds = self.word("ADD");
            if !adds {
                self.need_word("DROP")?;
            }
            self.need_word("MEMBER")?;
            return Ok(Statement::AlterRole { role, adds, member: self.name()? });
        }
        Err(self.wrong())
    }

    fn throw(&mut self) -> Result<Statement, Failure> {
        let number = self.number()?;
        self.need_sign(",")?;
        let Some(Token::Text(message)) = self.peek() else { return Err(self.wrong()) };
        let message = message.clone();
        self.at += 1;
        self.need_sign(",")?;
        self.number()?;
        if number < 50_000 {
            return Err(Failure::new(
                35_100,
                format!(
                    "Error number {number} in the THROW statement is outside the valid range. Specify an error \
                     number in the valid range of 50000 to 2147483647."
                ),
            ));
        }
        Ok(Statement::Throw { number, message })
    }

    fn create_user(&mut self) -> Result<Statement, Failure> {
        let name = self.name()?;
        if self.word("FROM") {
            self.need_word("EXTERNAL")?;
            self.need_word("PROVIDER")?;
            return Ok(Statement::CreateUser { name, origin: UserOrigin::Directory });
        }
        self.need_word("WITH")?;
        self.need_word("SID")?;
        self.need_sign("=")?;
        let Some(Token::Binary(sid)) = self.peek() else { return Err(self.wrong()) };
        let sid = sid.clone();
        self.at += 1;
        self.need_sign(",")?;
        self.need_word("TYPE")?;
        self.need_sign("=")?;
        if !self.is_word("E") && !self.is_word("X") {
            return Err(self.wrong());
        }
        let kind = self.name()?.to_ascii_uppercase();
        Ok(Statement::CreateUser { name, origin: UserOrigin::Sid(sid, kind) })
    }

    fn select(&mut self) -> Result<Select, Failure> {
        self.need_word("SELECT")?;
        let mut select = Select { columns: vec![self.scalar()?], from: Vec::new(), filters: Vec::new() };
        while self.sign(",") {
            select.columns.push(self.scalar()?);
        }
        if !self.word("FROM") {
            return Ok(select);
        }
        select.from.push(self.source()?);
        loop {
            let inner = self.word("INNER");
            if !self.word("JOIN") {
                if inner {
                    return Err(self.wrong());
                }
                break;
            }
            select.from.push(self.source()?);
            self.need_word("ON")?;
            select.filters.push(self.condition()?);
        }
        if self.word("WHERE") {
            select.filters.push(self.condition()?);
        }
        Ok(select)
    }

    fn source(&mut self) -> Result<Source, Failure> {
        let schema = self.name()?;
        let name = if self.sign(".") { self.name()? } else { String::new() };
        let view = View::find(&schema, &name).ok_or_else(|| {
            let whole = if name.is_empty() { schema.clone() } else { format!("{schema}.{name}") };
            Failure::new(208, format!("Invalid object name '{whole}'."))
        })?;
        let named = self.word("AS") || matches!(self.peek(), Some(Token::Quoted(_)));
        let free = matches!(self.peek(), Some(Token::Word(word))
            if !["INNER", "JOIN", "WHERE", "ON"].contains(&word.to_ascii_uppercase().as_str())
                && !RESERVED.contains(&word.to_ascii_uppercase().as_str())
                && !["THROW"].contains(&word.to_ascii_uppercase().as_str()));
        let alias = if named || free { self.name()? } else { name };
        Ok(Source { view, alias })
    }

    fn condition(&mut self) -> Result<Condition, Failure> {
        let mut left = self.conjunction()?;
        while self.word("OR") {
            left = Condition::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Condition, Failure> {
        let mut left = self.predicate()?;
        while self.word("AND") {
            left = Condition::And(Box::new(left), Box::new(self.predicate()?));
        }
        Ok(left)
    }

    fn predicate(&mut self) -> Result<Condition, Failure> {
        if self.word("NOT") {
            return Ok(Condition::Not(Box::new(self.predicate()?)));
        }
        if self.word("EXISTS") {
            self.need_sign("(")?;
            let select = self.select()?;
            self.need_sign(")")?;
            return Ok(Condition::Exists(Box::new(select)));
        }
        if self.sign("(") {
            let inner = self.condition()?;
            self.need_sign(")")?;
            return Ok(inner);
        }
        let left = self.scalar()?;
        if self.word("IS") {
            let not = self.word("NOT");
            self.need_word("NULL")?;
            let is = Condition::IsNull(left);
            return Ok(if not { Condition::Not(Box::new(is)) } else { is });
        }
        let comparison = if self.sign("=") {
            Comparison::Equal
        } else if self.sign("<>") || self.sign("!=") {
            Comparison::Unequal
        } else {
            return Err(self.wrong());
        };
        Ok(Condition::Compare(comparison, left, self.scalar()?))
    }

    fn scalar(&mut self) -> Result<Scalar, Failure> {
        if self.word("NULL") {
            return Ok(Scalar::Value(Value::Null));
        }
        if self.word("CONVERT") {
            return self.convert();
        }
        let value = match self.peek() {
            Some(Token::Text(text)) => Scalar::Value(Value::Text(text.clone())),
            Some(Token::Number(number)) => Scalar::Value(Value::Number(*number)),
            Some(Token::Binary(bytes)) => Scalar::Value(Value::Binary(bytes.clone())),
            Some(Token::Variable(name)) => Scalar::Variable(name.clone()),
            _ => return self.named(),
        };
        self.at += 1;
        Ok(value)
    }

    /// A column or a call.
    fn named(&mut self) -> Result<Scalar, Failure> {
        let plain = matches!(self.peek(), Some(Token::Word(_)));
        let name = self.name()?;
        if plain && self.sign("(") {
            let mut arguments = Vec::new();
            while !self.sign(")") {
                if !arguments.is_empty() {
                    self.need_sign(",")?;
                }
                arguments.push(self.scalar()?);
            }
            let upper = name.to_ascii_uppercase();
            let Some((_, fewest, most)) = FUNCTIONS.iter().find(|(own, ..)| *own == upper) else {
                return Err(Failure::new(
                    195,
                    format!("'{name}' is not a recognized built-in function name."),
                ));
            };
            if arguments.len() < *fewest || arguments.len() > *most {
                let wants = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
                let told =
                    format!("The {} function requires {wants} argument(s).", name.to_ascii_lowercase());
                return Err(Failure::new(if fewest == most { 174 } else { 189 }, told));
            }
            return Ok(Scalar::Call { name: upper, arguments });
        }
        if self.sign(".") {
            let column = self.name()?;
            return Ok(Scalar::Column { table: Some(name), name: column });
        }
        Ok(Scalar::Column { table: None, name })
    }

    fn convert(&mut self) -> Result<Scalar, Failure> {
        self.need_sign("(")?;
        let to = match self.name()?.to_ascii_lowercase().as_str() {
            "nvarchar" | "varchar" => Type::Text,
            "varbinary" | "binary" => Type::Binary,
            "int" | "bigint" => Type::Number,
            other => {
                return Err(Failure::new(243, format!("Type {other} is not a defined system type.")));
            }
        };
        let mut length = 30;
        if self.sign("(") {
            length = if self.word("MAX") {
                usize::MAX
            } else {
                usize::try_from(self.number()?).unwrap_or_default()
            };
            self.need_sign(")")?;
        }
        self.need_sign(",")?;
        let value = Box::new(self.scalar()?);
        let style = if self.sign(",") { self.number()? } else { 0 };
        self.need_sign(")")?;
        Ok(Scalar::Convert { to, length, value, style })
    }
}

/// Refuses columns that are not there.
fn bound(statement: &Statement) -> Result<(), Failure> {
    match statement {
        Statement::Select(select) => query(select, &[]),
        Statement::If { condition, then, otherwise } => {
            holds(condition, &[])?;
            bound(then)?;
            otherwise.as_deref().map_or(Ok(()), bound)
        }
        Statement::Block(statements) => statements.iter().try_for_each(bound),
        _ => Ok(()),
    }
}

fn query(select: &Select, outer: &[Source]) -> Result<(), Failure> {
    let sources: Vec<Source> = select.from.iter().chain(outer).cloned().collect();
    select.columns.iter().try_for_each(|column| value(column, &sources))?;
    select.filters.iter().try_for_each(|filter| holds(filter, &sources))
}

fn holds(condition: &Condition, sources: &[Source]) -> Result<(), Failure> {
    match condition {
        Condition::Compare(_, left, right) => {
            value(left, sources)?;
            value(right, sources)
        }
        Condition::IsNull(one) => value(one, sources),
        Condition::Exists(select) => query(select, sources),
        Condition::Not(one) => holds(one, sources),
        Condition::And(left, right) | Condition::Or(left, right) => {
            holds(left, sources)?;
            holds(right, sources)
        }
    }
}

fn value(scalar: &Scalar, sources: &[Source]) -> Result<(), Failure> {
    match scalar {
        Scalar::Value(_) | Scalar::Variable(_) => Ok(()),
        Scalar::Call { arguments, .. } => arguments.iter().try_for_each(|one| value(one, sources)),
        Scalar::Convert { value: one, .. } => value(one, sources),
        Scalar::Column { table, name } => {
            let fits = |source: &&Source| {
                table.as_ref().is_none_or(|table| table.eq_ignore_ascii_case(&source.alias))
                    && source.view.columns().iter().any(|column| column.eq_ignore_ascii_case(name))
            };
            match (sources.iter().filter(fits).count(), table) {
                (0, Some(table)) => Err(Failure::new(
                    4104,
                    format!("The multi-part identifier \"{table}.{name}\" could not be bound."),
                )),
                (0, None) => Err(Failure::new(207, format!("Invalid column name '{name}'."))),
                (1, _) => Ok(()),
                _ => Err(Failure::new(209, format!("Ambiguous column name '{name}'."))),
            }
        }
    }
}
