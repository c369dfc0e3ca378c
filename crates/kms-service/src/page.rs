//! Pages of lists: limits and markers. Source: kms-operations.md 1.4.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use kms_core::KmsError;

use crate::context::Context;

/// How many items a page of a list has. Source: kms-operations.md 1.4.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// When the request names no limit.
    pub(crate) default: i64,
    /// The highest limit that is documented; the model has 1000 for all lists.
    pub(crate) most: i64,
}

/// The page that a request asks for.
pub(crate) struct Page<'a> {
    cx: &'a Context<'a>,
    /// What is listed, where the operation alone does not say it.
    of: &'a str,
    limit: i64,
    after: Option<String>,
}

impl<'a> Page<'a> {
    /// Reads `Limit` and `Marker`. A marker is sealed and counts only for the account, region, operation and list that
    /// gave it.
    ///
    /// # Errors
    /// `ValidationException` for a limit past the documented one, in the words of the model's limits (AWS's behaviour is
    /// not recorded); `InvalidMarkerException` for a marker that this list did not give (AWS's text is not recorded).
    pub(crate) fn open(
        cx: &'a Context<'a>,
        of: &'a str,
        sizes: Sizes,
        limit: Option<i64>,
        marker: Option<&str>,
    ) -> Result<Self, KmsError> {
        let limit = limit.unwrap_or(sizes.default);
        if limit > sizes.most {
            return Err(KmsError::Validation(format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have \
                 value less than or equal to {}",
                sizes.most
            )));
        }
        let mut page = Self { cx, of, limit, after: None };
        if let Some(marker) = marker {
            let cursor = page.cursor(marker);
            let invalid = || KmsError::InvalidMarker("The marker is not valid for this list.".to_owned());
            page.after = Some(cursor.ok_or_else(invalid)?);
        }
        Ok(page)
    }

    /// What the page comes after, in the order of the list.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// How many items to read: one more than the page holds, which tells whether another page follows.
    pub(crate) fn wanted(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts the items that were read to the page; where more follow, with the marker of the next page, which begins after
    /// the last item's `cursor`.
    ///
    /// # Errors
    /// `KMSInternalException` without random bytes.
    pub(crate) fn cut<T>(
        &self,
        mut items: Vec<T>,
        cursor: impl Fn(&T) -> String,
    ) -> Result<(Vec<T>, Option<String>), KmsError> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        if items.len() <= limit {
            return Ok((items, None));
        }
        items.truncate(limit);
        let marker = items.last().map(|last| self.marker(&cursor(last))).transpose()?;
        Ok((items, marker))
    }

    fn marker(&self, cursor: &str) -> Result<String, KmsError> {
        let sealed = self.cx.pages.seal(&self.binding(), cursor.as_bytes()).map_err(KmsError::internal)?;
        Ok(BASE64.encode(&sealed))
    }

    fn cursor(&self, marker: &str) -> Option<String> {
        let sealed = BASE64.decode(marker).ok()?;
        let opened = self.cx.pages.open(&self.binding(), &sealed).ok()?;
        String::from_utf8(opened.expose().to_vec()).ok()
    }

    fn binding(&self) -> Vec<u8> {
        let Context { caller, operation, .. } = self.cx;
        format!("{}\0{}\0{operation}\0{}", caller.account, caller.region, self.of).into_bytes()
    }
}
