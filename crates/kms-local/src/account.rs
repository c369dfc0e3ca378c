//! Who runs the server: Postgres refuses to run as root.

use crate::LocalError;

const UNPRIVILEGED: &str = "postgres";

/// The user and group of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerAccount {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// This process is root and the server must not be.
    pub(crate) is_dropped: bool,
}

impl ServerAccount {
    /// This user, or user `postgres` when this is root.
    ///
    /// # Errors
    /// [`LocalError::Unusable`] if this is root and there is no such user.
    pub(crate) fn choose() -> Result<Self, LocalError> {
        let uid = rustix::process::geteuid();
        if !uid.is_root() {
            return Ok(Self { uid: uid.as_raw(), gid: rustix::process::getegid().as_raw(), is_dropped: false });
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (uid, gid) = find_user(&passwd, UNPRIVILEGED).ok_or_else(|| {
            let text = "Postgres refuses to run as root, and there is no user `postgres` to run it: \
                        install the package `postgresql`, or run this as another user";
            LocalError::Unusable(text.to_owned())
        })?;
        Ok(Self { uid, gid, is_dropped: true })
    }

    /// What goes before the program on the command line to become this account, without any capability.
    pub(crate) fn prefix(self) -> Vec<String> {
        if !self.is_dropped {
            return Vec::new();
        }
        let (user, group) = (format!("--reuid={}", self.uid), format!("--regid={}", self.gid));
        vec!["setpriv".to_owned(), user, group, "--clear-groups".to_owned(), "--".to_owned()]
    }

    pub(crate) fn ids(self) -> (u32, u32) {
        (self.uid, self.gid)
    }
}

/// Lines of `/etc/passwd` are `name:password:uid:gid:…`.
fn find_user(passwd: &str, name: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_wanted = fields.next() == Some(name);
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        is_wanted.then_some((uid, gid))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\npostgresql:x:7:8::/:\n\nbroken\npostgres:x:101:104:,,,:/var:/bin/sh\n";
        assert_eq!(find_user(passwd, "postgres"), Some((101, 104)));
        assert_eq!(find_user(passwd, "nobody"), None);
    }
}
