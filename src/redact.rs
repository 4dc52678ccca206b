//! Personal data, marked in the type system.
//!
//! [`Pii`] prints as a short mask in every log line; only [`Pii::reveal`] gives the value, and only
//! what goes to the peer, the store or an authorised reader calls it. [`Secret`] is stricter: it has no
//! `Display` at all, and only the code that proves or checks knowledge of it calls [`Secret::expose`].

use std::fmt;

/// A value that identifies a person: a number, a name. `Debug` and `Display` mask it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Marks `value` as personal.
    pub fn new(value: T) -> Pii<T> {
        Pii(value)
    }

    /// The value itself. Never log it above DEBUG.
    pub fn reveal(&self) -> &T {
        &self.0
    }

    /// The value itself, owned.
    pub fn into_revealed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Pii<T> {
    fn from(value: T) -> Pii<T> {
        Pii(value)
    }
}

impl From<&str> for Pii<String> {
    fn from(value: &str) -> Pii<String> {
        Pii(value.to_owned())
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A password, token or key. `Debug` hides it, nothing else prints it, and comparing is left to code that
/// does so in constant time.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Marks `value` as secret.
    pub fn new(value: T) -> Secret<T> {
        Secret(value)
    }

    /// The value itself, for the one who proves or checks knowledge of it. Never log it at any level.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Secret<T> {
        Secret(value)
    }
}

impl From<&str> for Secret<String> {
    fn from(value: &str) -> Secret<String> {
        Secret(value.to_owned())
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A number as a wallboard shows it: the first three and the last four digits (`138****1234`);
/// shorter numbers keep their last two only.
pub fn masked_number(number: &str) -> String {
    let n = number.chars().count();
    let (head, tail) = if n >= 9 { (3, 4) } else { (0, 2.min(n)) };
    number.chars().enumerate().map(|(i, c)| if i < head || i >= n - tail { c } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_value_never_prints_itself() {
        let number: Pii<String> = "13812341234".into();
        assert_eq!(format!("{number} {number:?}"), "*** ***");
        assert_eq!(number.reveal(), "13812341234");
    }

    #[test]
    fn a_secret_never_prints_itself() {
        let password: Secret<String> = "open sesame".into();
        assert_eq!(format!("{password:?}"), "(secret)");
        assert_eq!(password.expose(), "open sesame");
    }

    #[test]
    fn a_masked_number_shows_its_ends() {
        assert_eq!(masked_number("13812341234"), "138****1234");
        assert_eq!(masked_number("12345"), "***45");
    }
}
