//! JSON tokens, borrowed from the body. Source: RFC 8259.
//!
//! Not `serde_json`, because numbers beyond 64 bits must reach the constraints, repeated members must be seen
//! everywhere, and the JSON kind of a value decides the error text.

use crate::error::ModelError;
use std::borrow::Cow;

/// Nesting that is still read; the deepest KMS request has 4 levels.
pub(crate) const MAX_DEPTH: usize = 64;

/// A scalar, or the opening bracket of a list or object.
pub(crate) enum Token<'a> {
    Null,
    True,
    False,
    Number(&'a str),
    String(Cow<'a, str>),
    List,
    Object,
}

/// Reads tokens from left to right.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Result<Self, ModelError> {
        let text = std::str::from_utf8(body).map_err(|_| ModelError::BROKEN)?;
        Ok(Self { text, at: 0 })
    }

    /// The next scalar or opening bracket.
    pub(crate) fn token(&mut self) -> Result<Token<'a>, ModelError> {
        match self.peek() {
            Some(b'"') => self.string().map(Token::String),
            Some(b'{') => self.step(Token::Object),
            Some(b'[') => self.step(Token::List),
            Some(b'-' | b'0'..=b'9') => self.number().map(Token::Number),
            Some(b'n') => self.word("null", Token::Null),
            Some(b't') => self.word("true", Token::True),
            Some(b'f') => self.word("false", Token::False),
            _ => Err(ModelError::BROKEN),
        }
    }

    /// After `[` or an element: true if another element follows, false once `]` is taken.
    pub(crate) fn element(&mut self, first: bool) -> Result<bool, ModelError> {
        match self.peek() {
            Some(b']') => self.step(false),
            Some(_) if first => Ok(true),
            Some(b',') => self.step(true),
            _ => Err(ModelError::BROKEN),
        }
    }

    /// After `{` or a member: the name of the next member with its colon taken, or `None` once `}` is taken.
    pub(crate) fn name(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, ModelError> {
        match self.peek() {
            Some(b'}') => return self.step(None),
            Some(b',') if !first => self.at += 1,
            Some(_) if first => {}
            _ => return Err(ModelError::BROKEN),
        }
        if self.peek() != Some(b'"') {
            return Err(ModelError::BROKEN);
        }
        let name = self.string()?;
        if self.peek() != Some(b':') {
            return Err(ModelError::BROKEN);
        }
        self.step(Some(name))
    }

    /// Takes the rest of a value whose first token was `token`, at most `depth` levels deep.
    pub(crate) fn skip(&mut self, token: &Token<'a>, depth: usize) -> Result<(), ModelError> {
        let inner = || depth.checked_sub(1).ok_or(ModelError::BROKEN);
        match token {
            Token::List => {
                let depth = inner()?;
                let mut first = true;
                while self.element(std::mem::take(&mut first))? {
                    let token = self.token()?;
                    self.skip(&token, depth)?;
                }
                Ok(())
            }
            Token::Object => {
                let depth = inner()?;
                let mut names = Vec::new();
                while let Some(name) = self.name(names.is_empty())? {
                    names.push(name);
                    let token = self.token()?;
                    self.skip(&token, depth)?;
                }
                distinct(names)
            }
            _ => Ok(()),
        }
    }

    /// Nothing but white space may follow the body's value.
    pub(crate) fn end(&mut self) -> Result<(), ModelError> {
        if self.peek().is_none() { Ok(()) } else { Err(ModelError::BROKEN) }
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.byte()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step<T>(&mut self, value: T) -> Result<T, ModelError> {
        self.at += 1;
        Ok(value)
    }

    fn word(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, ModelError> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(ModelError::BROKEN);
        }
        self.at += word.len();
        Ok(token)
    }

    fn number(&mut self) -> Result<&'a str, ModelError> {
        let start = self.at;
        self.take(b"-");
        if !self.take(b"0") && self.digits() == 0 {
            return Err(ModelError::BROKEN);
        }
        if self.take(b".") && self.digits() == 0 {
            return Err(ModelError::BROKEN);
        }
        if self.take(b"eE") {
            self.take(b"+-");
            if self.digits() == 0 {
                return Err(ModelError::BROKEN);
            }
        }
        Ok(&self.text[start..self.at])
    }

    fn take(&mut self, any: &[u8]) -> bool {
        let taken = self.byte().is_some_and(|byte| any.contains(&byte));
        self.at += usize::from(taken);
        taken
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    /// A string, borrowed unless it has escapes. Quotes and backslashes are ASCII, so each cut is between characters.
    fn string(&mut self) -> Result<Cow<'a, str>, ModelError> {
        self.at += 1;
        let mut owned = String::new();
        loop {
            let start = self.at;
            while matches!(self.byte(), Some(byte) if byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            let plain = &self.text[start..self.at];
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    if owned.is_empty() {
                        return Ok(Cow::Borrowed(plain));
                    }
                    owned.push_str(plain);
                    return Ok(Cow::Owned(owned));
                }
                Some(b'\\') => {
                    owned.push_str(plain);
                    owned.push(self.escape()?);
                }
                _ => return Err(ModelError::BROKEN),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ModelError> {
        let letter = self.text.as_bytes().get(self.at + 1).copied().ok_or(ModelError::BROKEN)?;
        self.at += 2;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(ModelError::BROKEN),
        })
    }

    /// After `\u`: one unit, or two that form a surrogate pair.
    fn unicode_escape(&mut self) -> Result<char, ModelError> {
        let high = self.hex4()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high).ok_or(ModelError::BROKEN);
        }
        if !self.text.as_bytes()[self.at..].starts_with(br"\u") {
            return Err(ModelError::BROKEN);
        }
        self.at += 2;
        let low = self.hex4()?;
        if !(0xDC00..0xE000).contains(&low) {
            return Err(ModelError::BROKEN);
        }
        char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)).ok_or(ModelError::BROKEN)
    }

    fn hex4(&mut self) -> Result<u32, ModelError> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or(ModelError::BROKEN)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, &digit| {
            let digit = char::from(digit).to_digit(16).ok_or(ModelError::BROKEN)?;
            Ok(unit * 16 + digit)
        })
    }
}

/// Refuses a repeated name, in O(n log n): two readers of one body must never see two different requests.
pub(crate) fn distinct(mut names: Vec<Cow<'_, str>>) -> Result<(), ModelError> {
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) { Err(ModelError::BROKEN) } else { Ok(()) }
}
