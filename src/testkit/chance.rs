//! Chance that a seed repeats. A draw depends on the seed and the number of the draw alone, never on a generator's
//! state, so that asking more often or in another order changes nothing.

/// The draw with this number: evenly spread over all 64-bit numbers (the finaliser of `SplitMix64`).
pub fn draw(seed: u64, number: u64) -> u64 {
    let mut z = seed
        .wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_mul(0xd1b5_4a32_d192_ed03);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_spread_evenly_for_neighbouring_seeds_and_numbers() {
        for seed in 0..5 {
            let low = (0..10_000).filter(|n| draw(seed, *n).is_multiple_of(10)).count();
            assert!((900..1_100).contains(&low), "seed {seed}: {low}");
        }
        assert_ne!(draw(1, 2), draw(2, 1));
    }
}
