//! Random numbers that follow from the seed. SplitMix64 (Steele, Lea, Flood 2014): chaos needs spread, not secrecy.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another stream, which depends on this one's seed and the name alone if it is taken before any number.
    pub(crate) fn fork(&self, name: u64) -> Self {
        let mut other = Self(self.0 ^ name.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Self(other.next())
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end`, without `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True in so many of a hundred cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        let end = u64::try_from(among.len()).ok().filter(|end| *end > 0)?;
        among.get(usize::try_from(self.below(end)).ok()?)
    }

    /// One of these, the heavier the likelier. The list has a weight above 0.
    pub(crate) fn weighted<T: Copy>(&mut self, among: &[(u64, T)]) -> T {
        let mut at = self.below(among.iter().map(|(weight, _)| weight).sum());
        for (weight, what) in among {
            if at < *weight {
                return *what;
            }
            at -= weight;
        }
        among[0].1
    }

    /// Puts a list into another order.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for index in (1..list.len()).rev() {
            let other = usize::try_from(self.below(index as u64 + 1)).unwrap_or(index);
            list.swap(index, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_stream_again_and_forks_differ() {
        let take = |mut random: Random| (0..8).map(|_| random.next()).collect::<Vec<_>>();
        assert_eq!(take(Random::new(7)), take(Random::new(7)));
        assert_ne!(take(Random::new(7).fork(1)), take(Random::new(7).fork(2)));
    }
}
