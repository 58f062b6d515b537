//! Strings.
#![expect(clippy::unnecessary_wraps, reason = "every body has the same shape")]

use indexmap::IndexMap;
use uuid::Uuid;

use super::arguments::{Arguments, Outcome};
use crate::azure::ids::ResourceId;
use crate::azure::image::ImageReference;
use crate::value::{Data, Value};

/// The namespace in which ARM and Bicep hash the arguments of `guid`, joined with `-`, to a UUID of
/// version 5 (<https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-string#guid>).
const BICEP_GUID: Uuid = Uuid::from_u128(0x11fb_06fb_712d_4ddd_98c7_e71b_bd58_8830);

pub(super) fn starts_with(arguments: &mut Arguments<'_>) -> Outcome {
    fact(arguments.text(0).starts_with(arguments.text(1)))
}

pub(super) fn ends_with(arguments: &mut Arguments<'_>) -> Outcome {
    fact(arguments.text(0).ends_with(arguments.text(1)))
}

pub(super) fn lower(arguments: &mut Arguments<'_>) -> Outcome {
    text(arguments.text(0).to_lowercase())
}

pub(super) fn upper(arguments: &mut Arguments<'_>) -> Outcome {
    text(arguments.text(0).to_uppercase())
}

pub(super) fn trim_suffix(arguments: &mut Arguments<'_>) -> Outcome {
    let whole = arguments.text(0);
    text(whole.strip_suffix(arguments.text(1)).unwrap_or(whole))
}

pub(super) fn join(arguments: &mut Arguments<'_>) -> Outcome {
    let glue = arguments.text(0);
    let texts: Vec<&str> = arguments.list(1).iter().filter_map(Value::as_str).collect();
    let length = texts.iter().map(|text| text.len()).sum::<usize>();
    arguments.room(length.saturating_add(glue.len().saturating_mul(texts.len())))?;
    text(texts.join(glue))
}

pub(super) fn split(arguments: &mut Arguments<'_>) -> Outcome {
    let (whole, separator) = (arguments.text(0), arguments.text(1));
    let parts: Vec<&str> = if separator.is_empty() {
        arguments.make(whole.len())?;
        whole.split("").filter(|part| !part.is_empty()).collect()
    } else {
        arguments.make(whole.matches(separator).count())?;
        whole.split(separator).collect()
    };
    Ok(Some(Value::new(Data::List(parts.into_iter().map(Value::from).collect()))))
}

pub(super) fn replace(arguments: &mut Arguments<'_>) -> Outcome {
    let (whole, from, to) = (arguments.text(0), arguments.text(1), arguments.text(2));
    if from.is_empty() {
        return text(whole);
    }
    let grown = whole.matches(from).count().saturating_mul(to.len());
    arguments.room(grown.saturating_add(whole.len()))?;
    text(whole.replace(from, to))
}

pub(super) fn to_string(arguments: &mut Arguments<'_>) -> Outcome {
    let value = arguments.get(0);
    match value.as_str() {
        Some(same) => text(same),
        None => Ok(value.to_json().map(|json| Value::from(json.to_string()))),
    }
}

pub(super) fn guid(arguments: &mut Arguments<'_>) -> Outcome {
    let texts: Vec<&str> = arguments.values().iter().filter_map(|value| value.as_str()).collect();
    text(Uuid::new_v5(&BICEP_GUID, texts.join("-").as_bytes()).to_string())
}

pub(super) fn parse_id(arguments: &mut Arguments<'_>) -> Outcome {
    let Some(id) = ResourceId::parse(arguments.text(0)) else {
        return Ok(Some(Value::null()));
    };
    let optional = |text: Option<&str>| text.map_or_else(Value::null, Value::from);
    let parent = id.parent();
    let members = [
        ("subscription", optional(id.subscription())),
        ("resource_group", optional(id.resource_group())),
        ("type", Value::from(id.resource_type())),
        ("name", Value::from(id.name())),
        ("parent", optional(parent.as_ref().map(ResourceId::as_str))),
    ];
    object(members)
}

pub(super) fn parse_image(arguments: &mut Arguments<'_>) -> Outcome {
    let Some(image) = ImageReference::parse(arguments.text(0)) else {
        return Ok(Some(Value::null()));
    };
    let optional = |text: Option<String>| text.map_or_else(Value::null, Value::from);
    object([
        ("server", optional(image.server)),
        ("repository", Value::from(image.repository)),
        ("tag", optional(image.tag)),
        ("digest", optional(image.digest)),
    ])
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Outcome {
    let members: IndexMap<String, Value> =
        members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Ok(Some(Value::new(Data::Map(members))))
}

fn text(text: impl Into<String>) -> Outcome {
    Ok(Some(Value::from(text.into())))
}

fn fact(fact: bool) -> Outcome {
    Ok(Some(Value::from(fact)))
}
