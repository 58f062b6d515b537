//! The T-SQL of database users: as it is kept in tests/tsql, as a parser of SQL Server's dialect reads it, and
//! whatever a name is made of. (`tests/conformance/test_tsql.py` has a second parser read the same files;
//! the sandbox's own runs the scripts in `runs::sql`.)

use std::path::Path;

use acarecipe::azure::sql::{Name, READ, recreate_script, script, sid};
use proptest::prelude::*;
use sqlparser::ast::{IfStatement, Statement};
use sqlparser::dialect::MsSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn kept(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tsql").join(file)).unwrap()
}

/// The statements of a text. The one clause that the parser does not know is left out: it ends `CREATE USER`
/// before `WITH SID = …, TYPE = E`, which Microsoft's reference does not have either.
fn parsed(text: &str) -> Vec<Statement> {
    let clause = format!(" WITH SID = {}, TYPE = E", sid(&ID));
    Parser::parse_sql(&MsSqlDialect {}, &text.replace(&clause, ""))
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_texts_are_those_that_are_kept() {
    let roles = [name("db_datareader"), name("db_datawriter")];
    for (file, made) in [
        ("read.sql", READ.to_owned()),
        ("create.sql", script(&name("ca-demo"), &ID, &roles)),
        ("recreate.sql", recreate_script(&name("ca-demo"), &ID, &roles[..1])),
        ("quotes.sql", script(&name("x]; DROP USER [dbo]; --' 应用"), &ID, &[name("o'role]")])),
    ] {
        assert_eq!(kept(file), made, "{file}");
    }
}

#[test]
fn a_parser_of_the_dialect_reads_each_text_as_what_it_is_meant_to_be() {
    let read = parsed(&kept("read.sql"));
    assert!(read.len() == 5 && read.iter().all(|one| matches!(one, Statement::Query(_))), "{read:#?}");
    for (file, statements) in [("create.sql", 4), ("recreate.sql", 4), ("quotes.sql", 3)] {
        let all = parsed(&kept(file));
        // Nothing stands outside its guard.
        assert!(all.iter().all(|one| matches!(one, Statement::If(IfStatement { .. }))), "{file}: {all:#?}");
        assert_eq!(all.len(), statements, "{file}");
    }
    let quotes = parsed(&kept("quotes.sql"));
    assert!(quotes.iter().all(|one| !one.to_string().to_uppercase().starts_with("DROP")), "{quotes:#?}");
}

/// The tokens of a text but for spaces.
fn tokens(text: &str) -> Vec<Token> {
    let all = Tokenizer::new(&MsSqlDialect {}, text).tokenize();
    let all = all.unwrap_or_else(|error| panic!("{error}\n{text}"));
    all.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any name at all is one identifier and one literal, and gives it back; what is none is refused.
    #[test]
    fn any_name_is_one_token(text in "[\\PC\\[\\]'\"; \\-/*$()\n]{0,140}") {
        let Ok(name) = Name::new(&text) else { return Ok(()) };
        let identifier = tokens(&name.identifier());
        prop_assert_eq!(identifier.len(), 1, "{:?}", identifier);
        match &identifier[0] {
            Token::Word(word) => {
                prop_assert_eq!((&word.value, word.quote_style), (&text, Some('[')));
            }
            other => prop_assert!(false, "{:?}", other),
        }
        prop_assert_eq!(tokens(&name.literal()), [Token::NationalStringLiteral(text)]);
    }

    /// A script has the same statements whatever the names.
    #[test]
    fn names_add_no_statement(user in "[\\PC\\[\\]'; \\-]{1,40}", role in "[\\PC\\[\\]'; \\-]{1,40}") {
        let (Ok(user), Ok(role)) = (Name::new(&user), Name::new(&role)) else { return Ok(()) };
        let all = tokens(&script(&user, &ID, &[role]));
        let plain = tokens(&script(&name("a"), &ID, &[name("b")]));
        prop_assert_eq!(all.len(), plain.len());
    }
}
