//! The root finder behind Kayenta's intervals, with its absolute tolerance of 1e-4: where data are small numbers or full
//! of ties its answer, not the exact root, decides the label. So it is reproduced step by step, not replaced.

const TOLERANCE: f64 = 1e-4;
/// As many function values Kayenta's solver asks for before it gives up and takes what it has.
const ITERATIONS: u32 = 1001;

/// A point and the function's value there.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) x: f64,
    pub(super) f: f64,
}

/// A root of `function` between two points, by Brent's method ("Algorithms for Minimization without Derivatives", 1973,
/// in the form of R's `zeroin`).
pub(super) fn solve(start: At, end: At, function: impl Fn(f64) -> f64) -> f64 {
    if is_zero(start.f) {
        return start.x;
    }
    if is_zero(end.f) {
        return end.x;
    }
    // b is the best guess, a the one before, c the other end of the bracket.
    let (mut a, mut b, mut c) = (start, end, start);
    for _ in 0..ITERATIONS {
        let previous = b.x - a.x;
        if c.f.abs() < b.f.abs() {
            (a, b, c) = (b, c, b);
        }
        let smallest = 2.0 * f64::EPSILON * b.x.abs() + TOLERANCE / 2.0;
        let mut step = (c.x - b.x) / 2.0;
        if step.abs() <= smallest || is_zero(b.f) {
            return b.x;
        }
        if previous.abs() >= smallest
            && a.f.abs() > b.f.abs()
            && let Some(shorter) = interpolated(a, b, c, previous, smallest)
        {
            step = shorter;
        }
        if step.abs() < smallest {
            step = if step > 0.0 { smallest } else { -smallest };
        }
        a = b;
        b.x += step;
        b.f = function(b.x);
        if (b.f > 0.0 && c.f > 0.0) || (b.f < 0.0 && c.f < 0.0) {
            c = a;
        }
    }
    b.x
}

/// The secant's or the inverse parabola's step, if it stays well within the bracket.
#[expect(clippy::float_cmp, reason = "whether two guesses are the same one, as in the original")]
#[expect(clippy::many_single_char_names, reason = "the names of the literature")]
fn interpolated(a: At, b: At, c: At, previous: f64, smallest: f64) -> Option<f64> {
    let width = c.x - b.x;
    let (p, q) = if a.x == c.x {
        let t = b.f / a.f;
        (width * t, 1.0 - t)
    } else {
        let (q, t1, t2) = (a.f / c.f, b.f / c.f, b.f / a.f);
        (
            t2 * (width * q * (q - t1) - (b.x - a.x) * (t1 - 1.0)),
            (q - 1.0) * (t1 - 1.0) * (t2 - 1.0),
        )
    };
    let (p, q) = if p > 0.0 { (p, -q) } else { (-p, q) };
    (p < 0.75 * width * q - (smallest * q).abs() / 2.0 && p < (previous * q / 2.0).abs())
        .then(|| p / q)
}

/// Zero to the last bit but one, as Commons Math compares.
fn is_zero(value: f64) -> bool {
    value.abs() < f64::MIN_POSITIVE
}
