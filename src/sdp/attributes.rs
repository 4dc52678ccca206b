//! Attributes of a description by name.

use sdp_types::Attribute;

/// The values of every attribute `name`; empty text for one without a value.
pub(super) fn values<'a>(attributes: &'a [Attribute], name: &'a str) -> impl Iterator<Item = &'a str> {
    let named = attributes.iter().filter(move |a| a.attribute.trim().eq_ignore_ascii_case(name));
    named.map(|a| a.value.as_deref().unwrap_or_default().trim())
}

/// The value of the first attribute `name`.
pub(super) fn first<'a>(attributes: &'a [Attribute], name: &'a str) -> Option<&'a str> {
    values(attributes, name).next()
}
