//! Logarithm and exponential from basic arithmetic alone. The standard library's are the platform's, which differ in the
//! last digits between machines, and a report replayed elsewhere must be the same to the byte. Without branches, the
//! compiler also evaluates them for a whole grid at once: two to three times faster than one call per point.

/// The bits of the square root of a half: mantissas are taken from there to its double, so that ln is best near 1.
const LOWEST: u64 = 0x3FE6_A09E_667F_3BCD;
const EXPONENT: u64 = 0xFFF0_0000_0000_0000;

/// The natural logarithm of a positive, normal number, to 2 units in the last place.
#[inline]
pub(super) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let above = bits.wrapping_sub(LOWEST) & EXPONENT;
    let mantissa = f64::from_bits(bits.wrapping_sub(above));
    // The exponent as a number: its bits, 2^11 added so that they are not negative, put into the mantissa of 2^52; the
    // subtraction takes both off.
    let exponent = f64::from_bits((above >> 52 ^ 0x800).wrapping_add(0x4330_0000_0000_0000))
        - 4_503_599_627_372_544.0;
    // ln m = 2 artanh((m - 1) / (m + 1))
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    // Every other power apart, so that the two sums need not wait for each other.
    let s4 = s2 * s2;
    let (mut even, mut odd) = (1.0 / 19.0, 0.0);
    for (n, m) in [(15.0, 17.0), (11.0, 13.0), (7.0, 9.0), (3.0, 5.0)] {
        even = even * s4 + 1.0 / n;
        odd = odd * s4 + 1.0 / m;
    }
    let sum = even + s2 * odd;
    exponent * std::f64::consts::LN_2 + (2.0 * s + 2.0 * s * s2 * sum)
}

const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Added and taken off again, it rounds to a whole number.
const ROUNDING: f64 = 6_755_399_441_055_744.0;

/// `e^x` for x from -700 to 700, to 2 units in the last place; what lies outside is taken for the end of that range.
#[inline]
pub(super) fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let shifted = x * std::f64::consts::LOG2_E + ROUNDING;
    let doublings = shifted - ROUNDING;
    let rest = x - doublings * LN_2_HIGH - doublings * LN_2_LOW;
    // e^r = cosh r + sinh r
    let square = rest * rest;
    let (mut cosh, mut sinh) = (1.0 / 479_001_600.0, 1.0 / 39_916_800.0);
    for (n, m) in
        [(3_628_800.0, 362_880.0), (40_320.0, 5_040.0), (720.0, 120.0), (24.0, 6.0), (2.0, 1.0)]
    {
        cosh = cosh * square + 1.0 / n;
        sinh = sinh * square + 1.0 / m;
    }
    let sum = 1.0 + cosh * square + rest * sinh;
    f64::from_bits(sum.to_bits().wrapping_add(shifted.to_bits() << 52))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ln_agrees_with_the_platform(exponent in -300.0..300.0f64) {
            let x = 10_f64.powf(exponent);
            prop_assert!((ln(x) - x.ln()).abs() <= 4.0 * f64::EPSILON * x.ln().abs().max(1e-300));
        }

        #[test]
        fn ln_agrees_with_the_platform_near_one(x in 0.7..1.5f64) {
            prop_assert!((ln(x) - x.ln()).abs() <= 4.0 * f64::EPSILON * x.ln().abs());
        }

        #[test]
        fn exp_agrees_with_the_platform(x in -700.0..700.0f64) {
            prop_assert!((exp(x) / x.exp() - 1.0).abs() <= 4.0 * f64::EPSILON);
        }
    }

    #[test]
    fn one_and_zero_are_exact() {
        assert_eq!((ln(1.0), exp(0.0)), (0.0, 1.0));
        assert!(exp(-1e9) < 1e-300);
    }
}
