//! `${NAME}` in a text of the configuration: what the environment says of it, so that one file serves many machines,
//! containers, and the credentials of a service.
//!
//! The reader is given the variables. Only texts are replaced, after the notation is read: a value cannot add a key.

use super::problem::{Fault, Problems, fault};
use toml::de::{DeTable, DeValue};

/// Gives the value of a variable, if it has one.
pub(super) type Variables<'v> = &'v dyn Fn(&str) -> Option<String>;

/// The longest text a variable may add: far above any path or address.
const LONGEST: usize = 4096;

/// Replaces every `${NAME}` and `${NAME:-default}` in the texts of a table and the tables in it.
pub(super) fn replace(table: &mut DeTable<'_>, variables: Variables<'_>, problems: &mut Problems<'_>) {
    for (_, value) in table.iter_mut() {
        let at = value.span();
        value_of(value.get_mut(), &at, variables, problems);
    }
}

fn value_of(
    value: &mut DeValue<'_>,
    at: &super::problem::Span,
    variables: Variables<'_>,
    problems: &mut Problems<'_>,
) {
    match value {
        DeValue::String(text) if text.contains("${") => match text_of(text, variables) {
            Ok(replaced) => *text = replaced.into(),
            Err(fault) => problems.add(at, fault),
        },
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                let at = item.span();
                value_of(item.get_mut(), &at, variables, problems);
            }
        }
        DeValue::Table(table) => replace(table, variables, problems),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
}

fn text_of(text: &str, variables: Variables<'_>) -> Result<String, Fault> {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        replaced.push_str(before);
        let Some((inside, behind)) = after.split_once('}') else {
            return Err(fault("`${` has no end".to_owned(), "write ${NAME}".to_owned()));
        };
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name {
            let cure = "write letters, digits and underscores, as in ${HOTLINE_ADVERTISED}";
            return Err(fault(format!("`{name}` is no name of a variable"), cure.to_owned()));
        }
        // An empty variable is as good as none.
        let value = variables(name).filter(|value| !value.is_empty());
        let Some(value) = value.or_else(|| default.map(str::to_owned)) else {
            let cure = match name {
                "CREDENTIALS_DIRECTORY" => {
                    "start by systemd, with LoadCredential= in the unit: see docs/operations.md".to_owned()
                }
                _ => format!("set it, or write a default: ${{{name}:-default}}"),
            };
            return Err(fault(format!("the environment variable {name} is not set"), cure));
        };
        if value.len() > LONGEST {
            let cure = format!("give it {LONGEST} octets at most");
            return Err(fault(format!("the environment variable {name} is too long"), cure));
        }
        replaced.push_str(&value);
        rest = behind;
    }
    replaced.push_str(rest);
    Ok(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("192.0.2.1".to_owned()),
            "EMPTY" => Some(String::new()),
            "QUOTED" => Some("a\"\nkey = \"${HOST}".to_owned()),
            "LONG" => Some("x".repeat(LONGEST + 1)),
            _ => None,
        }
    }

    fn replaced(text: &str) -> String {
        text_of(text, &variables).unwrap_or_else(|fault| format!("{}: {}", fault.what, fault.cure))
    }

    #[test]
    fn a_variable_is_replaced_by_its_value_or_its_default() {
        assert_eq!(replaced("udp:${HOST}:5060"), "udp:192.0.2.1:5060");
        assert_eq!(replaced("${HOST}${NONE:-}${EMPTY:-x}"), "192.0.2.1x");
        assert_eq!(replaced("a $ and a } {"), "a $ and a } {");
    }

    #[test]
    fn what_a_variable_says_is_not_replaced_again() {
        assert_eq!(replaced("${QUOTED}"), "a\"\nkey = \"${HOST}");
    }

    #[test]
    fn what_is_missing_or_misspelt_is_named_with_its_cure() {
        assert!(replaced("${NONE}").contains("${NONE:-default}"));
        assert!(replaced("${EMPTY}").contains("is not set"));
        assert!(replaced("${CREDENTIALS_DIRECTORY}/key").contains("LoadCredential"));
        assert!(replaced("${HOST").contains("no end"));
        assert!(replaced("${a b}").contains("no name"));
        assert!(replaced("${LONG}").contains("too long"));
    }
}
