//! The functions of the recipe language: JMESPath's own and some more, in one table.
//!
//! Number and kinds of arguments are checked from the table, nulls and unknowns are answered, and
//! marks are spread, all before or after a body runs; the bodies are pure and see known values only.

mod arguments;
mod kind;
mod lists;
mod numbers;
mod texts;

pub(super) use arguments::{Arguments, Failure, Outcome};
pub use kind::Kind;
pub(super) use kind::{described, ordinal};

use crate::value::Value;

/// A function that expressions may call.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What each argument must be.
    pub takes: &'static [Kind],
    /// What further arguments there may be.
    pub more: More,
    /// What it gives, in one line.
    pub doc: &'static str,
    /// The type of what it gives, unless that is null.
    pub returns: Returns,
    /// A call, and what it gives as JSON; `root().example` is `"a"`.
    pub example: (&'static str, &'static str),
    pub(super) gives: Gives,
    pub(super) body: Body,
}

/// Arguments that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// None.
    None,
    /// One of this kind.
    One(Kind),
    /// Any number of this kind.
    Any(Kind),
}

/// The type of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// It hangs on the arguments.
    Any,
    /// A boolean.
    Truth,
    /// A string.
    Text,
    /// A number.
    Number,
    /// A list.
    List,
    /// An object.
    Object,
}

impl Returns {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Returns::Any => "any",
            Returns::Truth => "boolean",
            Returns::Text => "string",
            Returns::Number => "number",
            Returns::List => "list",
            Returns::Object => "object",
        }
    }

    /// The word with its article.
    pub(super) fn article(self) -> String {
        match self {
            Returns::Any => "any value".to_owned(),
            Returns::Object => "an object".to_owned(),
            other => format!("a {}", other.name()),
        }
    }
}

/// How marks pass from arguments to the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// Something about the arguments (a boolean, a type): no marks.
    Fact,
    /// A string or number made of what is in them: all their marks; any unknown makes it unknown.
    Made,
    /// Parts of them: the body keeps each part's marks.
    Part,
}

/// What runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// Takes evaluated arguments. `None`: the result hangs on an unknown part of them, and the body
    /// has taken none of them away.
    Values(fn(&mut Arguments<'_>) -> Outcome),
    /// `if`: only the branch that is chosen is evaluated.
    If,
    /// `not_null`: evaluates until one is not null.
    NotNull,
    /// `root`.
    Root,
}

impl Function {
    /// What the argument at this position must be.
    pub(super) fn kind(&self, index: usize) -> Kind {
        match (self.takes.get(index), self.more) {
            (Some(kind), _) => *kind,
            (None, More::One(kind) | More::Any(kind)) => kind,
            (None, More::None) => Kind::Any,
        }
    }

    /// How it is called: `starts_with(string, string)`.
    pub fn usage(&self) -> String {
        let mut arguments: Vec<&str> = self.takes.iter().map(|kind| kind.name()).collect();
        match self.more {
            More::None => {}
            More::One(kind) => arguments.push(kind.name()),
            More::Any(_) => arguments.push("…"),
        }
        format!("{}({})", self.name, arguments.join(", "))
    }
}

/// The function of this name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Checks an argument's kind; true: it is null, or a list with a null where that has no meaning, and
/// so the whole call is null.
pub(super) fn accept(function: &Function, index: usize, value: &Value) -> Result<bool, Failure> {
    function.kind(index).accept(value).map_err(|given| {
        Failure::Here(format!(
            "`{}` takes {} as its {} argument, not {given}",
            function.name,
            function.kind(index).article(),
            ordinal(index),
        ))
    })
}

macro_rules! functions {
    ($($name:literal ($($takes:ident),* $(; $more:ident)? $(/ $one:ident)?) $gives:ident $body:expr, $doc:literal, $returns:ident $example:literal => $result:literal;)*) => {
        /// Every function, by name.
        pub const FUNCTIONS: &[Function] = &[$(Function {
            name: $name,
            takes: &[$(Kind::$takes),*],
            more: more!($(Any $more)? $(One $one)?),
            doc: $doc,
            returns: Returns::$returns,
            example: ($example, $result),
            gives: Gives::$gives,
            body: $body,
        }),*];
    };
}

macro_rules! more {
    () => {
        More::None
    };
    ($how:ident $kind:ident) => {
        More::$how(Kind::$kind)
    };
}

use Body::Values;

functions! {
    "abs" (Number) Made Values(numbers::abs), "the number without its sign",
        Number "abs(`-3`)" => "3";
    "avg" (Numbers) Made Values(numbers::avg), "the mean; null of an empty list",
        Number "avg([`1`, `4`])" => "2.5";
    "ceil" (Number) Made Values(numbers::ceil), "the next integer above",
        Number "ceil(`1.2`)" => "2";
    "contains" (TextOrList, Any) Fact Values(lists::contains), "whether a list has an element, or a string a part",
        Truth "contains(['a', 'b'], 'b')" => "true";
    "count" (List) Part Values(lists::length), "how many elements",
        Number "count(['a', 'b'])" => "2";
    "ends_with" (Text, Text) Fact Values(texts::ends_with), "whether the first ends with the second",
        Truth "ends_with('app.py', '.py')" => "true";
    "find" (List, Text, Given) Part Values(lists::find), "the first element whose field (`a.b`) equals the value, or null",
        Any "find([{name: 'a', port: `80`}], 'name', 'a').port" => "80";
    "floor" (Number) Made Values(numbers::floor), "the next integer below",
        Number "floor(`1.8`)" => "1";
    "from_items" (List) Part Values(lists::from_items), "an object from a list of `{key, value}`; a null key is left out",
        Object "from_items([{key: 'a', value: `1`}])" => r#"{"a":1}"#;
    "guid" (Text; Text) Made Values(texts::guid), "the UUID that Bicep's `guid` makes of the same strings",
        Text "guid('a', 'b') == guid('a', 'b')" => "true";
    "if" (Any, Any / Any) Part Body::If, "the second when the first is true, else the third (null without one)",
        Any "if(`true`, 'yes', 'no')" => r#""yes""#;
    "items" (Map) Part Values(lists::items), "a list of `{key, value}`",
        List "items({a: `1`})" => r#"[{"key":"a","value":1}]"#;
    "join" (Text, Texts) Made Values(texts::join), "the strings of the list with the first between them",
        Text "join('-', ['a', 'b'])" => r#""a-b""#;
    "keys" (Map) Part Values(lists::keys), "the names of the members",
        List "keys({a: `1`, b: `2`})" => r#"["a","b"]"#;
    "length" (Sized) Part Values(lists::length), "how many elements, members or characters",
        Number "length('abc')" => "3";
    "lower" (Text) Made Values(texts::lower), "in lower case",
        Text "lower('AbC')" => r#""abc""#;
    "map" (Expression, List) Part Values(lists::map), "the expression's value for each element, nulls kept",
        List "map(&name, [{name: 'a'}, {id: 'b'}])" => r#"["a",null]"#;
    "max" (TextsOrNumbers) Part Values(lists::max), "the greatest; null of an empty list",
        Any "max([`1`, `3`])" => "3";
    "max_by" (List, Expression) Part Values(lists::max_by), "the element with the greatest value of the expression",
        Any "max_by([{n: `1`}, {n: `3`}], &n)" => r#"{"n":3}"#;
    "member" (Map, Text) Part Values(lists::member), "the member of this name, which may be computed, or null",
        Any "member({a: `1`}, 'a')" => "1";
    "merge" (Map; Map) Part Values(lists::merge), "one object of all members; later ones win",
        Object "merge({a: `1`}, {a: `2`})" => r#"{"a":2}"#;
    "min" (TextsOrNumbers) Part Values(lists::min), "the least; null of an empty list",
        Any "min(['b', 'a'])" => r#""a""#;
    "min_by" (List, Expression) Part Values(lists::min_by), "the element with the least value of the expression",
        Any "min_by([{n: `1`}, {n: `3`}], &n)" => r#"{"n":1}"#;
    "not_null" (Any; Any) Part Body::NotNull, "the first that is not null",
        Any "not_null(`null`, 'a')" => r#""a""#;
    "parse_id" (Text) Made Values(texts::parse_id), "`{subscription, resource_group, type, name, parent}` of a resource id; null of anything else",
        Object "parse_id('/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/containerApps/web').name" => r#""web""#;
    "parse_image" (Text) Made Values(texts::parse_image), "`{server, repository, tag, digest}` of a reference to a container image; null of anything else",
        Object "parse_image('my.azurecr.io/web:1').repository" => r#""web""#;
    "replace" (Text, Text, Text) Made Values(texts::replace), "the first with every occurrence of the second replaced by the third",
        Text "replace('a.b', '.', '-')" => r#""a-b""#;
    "reverse" (TextOrList) Part Values(lists::reverse), "in reverse order",
        Any "reverse(['a', 'b'])" => r#"["b","a"]"#;
    "root" () Part Body::Root, "the whole document, also within `[?…]`, as in `root().inputs.name`",
        Any "['a'][?@ == root().example]" => r#"["a"]"#;
    "sort" (TextsOrNumbers) Part Values(lists::sort), "in ascending order",
        List "sort(['b', 'a'])" => r#"["a","b"]"#;
    "sort_by" (List, Expression) Part Values(lists::sort_by), "ordered by the value of the expression",
        List "sort_by([{n: `3`}, {n: `1`}], &n)" => r#"[{"n":1},{"n":3}]"#;
    "split" (Text, Text) Made Values(texts::split), "the parts of the first between occurrences of the second",
        List "split('a/b', '/')" => r#"["a","b"]"#;
    "starts_with" (Text, Text) Fact Values(texts::starts_with), "whether the first starts with the second",
        Truth "starts_with('app.py', 'app')" => "true";
    "sum" (Numbers) Made Values(numbers::sum), "the sum; 0 of an empty list",
        Number "sum([`1`, `2`])" => "3";
    "to_array" (Any) Part Values(lists::to_array), "a list as it is, anything else as a list of one",
        List "to_array('a')" => r#"["a"]"#;
    "to_number" (Any) Made Values(numbers::to_number), "the number that a string writes, or null",
        Number "to_number('80')" => "80";
    "to_string" (Given) Made Values(texts::to_string), "a string as it is, anything else as JSON",
        Text "to_string(`80`)" => r#""80""#;
    "trim_suffix" (Text, Text) Made Values(texts::trim_suffix), "the first without the second at its end",
        Text "trim_suffix('https://a/', '/')" => r#""https://a""#;
    "type" (Any) Fact Values(lists::type_name), "`array`, `boolean`, `null`, `number`, `object` or `string`",
        Text "type(`80`)" => r#""number""#;
    "upper" (Text) Made Values(texts::upper), "in upper case",
        Text "upper('a')" => r#""A""#;
    "values" (Map) Part Values(lists::values), "the members' values",
        List "values({a: `1`})" => "[1]";
}

#[cfg(test)]
mod tests {
    use super::FUNCTIONS;

    #[test]
    fn the_table_is_in_order_without_doubles() {
        let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }
}
