//! The colours of the three states, by background. Measured, not chosen by eye.
//!
//! The hues start from Okabe and Ito's colour-blind-safe set (*Color Universal Design*, 2008), darkened where a light
//! background asks for it. No green: next to blue it says nothing new, and it falls together with purple for deuteranopes.

use ratatui::style::Color;

/// One hue at the three depths that terminals have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hue {
    /// Red, green, blue.
    pub(super) rgb: [u8; 3],
    /// Index into the 256 colours of xterm.
    pub(super) indexed: u8,
    /// One of the 16 that the terminal's owner has chosen.
    pub(super) named: Color,
}

/// What is coloured at all: text has the terminal's own colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Palette {
    /// Serving.
    pub(super) up: Hue,
    /// Draining, and warnings.
    pub(super) drain: Hue,
    /// Failing, and errors.
    pub(super) fail: Hue,
    /// Bars and curves: large, so quieter than text.
    pub(super) bar: Hue,
}

const fn hue(rgb: u32, indexed: u8, named: Color) -> Hue {
    let [_, r, g, b] = rgb.to_be_bytes();
    Hue { rgb: [r, g, b], indexed, named }
}

/// On a dark background.
pub(super) const DARK: Palette = Palette {
    up: hue(0x56_B4_E9, 74, Color::Cyan),
    drain: hue(0xF0_E4_42, 221, Color::Yellow),
    fail: hue(0xD5_5E_00, 166, Color::LightRed),
    bar: hue(0x3C_76_A6, 67, Color::Cyan),
};

/// On a light background.
pub(super) const LIGHT: Palette = Palette {
    up: hue(0x00_72_B2, 24, Color::Blue),
    drain: hue(0x87_00_D7, 92, Color::Magenta),
    fail: hue(0xB3_47_00, 130, Color::Red),
    bar: hue(0x4A_90_C8, 67, Color::Blue),
};

/// Readable on either. Of the 16 names no blue is, so there `up` has none.
pub(super) const UNKNOWN: Palette = Palette {
    up: hue(0x00_72_B2, 25, Color::Reset),
    drain: hue(0xCC_79_A7, 175, Color::Magenta),
    fail: hue(0xD5_5E_00, 166, Color::Red),
    bar: hue(0x00_72_B2, 25, Color::Reset),
};

/// On a dark background, for those who need more contrast.
pub(super) const CONTRAST_DARK: Palette = Palette {
    up: hue(0x8F_D0_FF, 117, Color::LightCyan),
    drain: hue(0xFF_F0_66, 228, Color::LightYellow),
    fail: hue(0xFF_7F_3F, 208, Color::LightRed),
    bar: hue(0x8F_D0_FF, 117, Color::LightCyan),
};

/// On a light background, for those who need more contrast.
pub(super) const CONTRAST_LIGHT: Palette = Palette {
    up: hue(0x00_3F_6B, 24, Color::Blue),
    drain: hue(0x73_00_B5, 92, Color::Magenta),
    fail: hue(0x8A_30_00, 88, Color::Red),
    bar: hue(0x00_3F_6B, 24, Color::Blue),
};

#[cfg(test)]
mod tests {
    //! Contrast after WCAG 2; difference of two colours as CIE 1976 Delta E, also as protanopes, deuteranopes and tritanopes
    //! see them (Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB).

    use super::*;

    type Triple = [f64; 3];
    type Matrix = [Triple; 3];

    const BLACK: [u8; 3] = [0, 0, 0];
    const WHITE: [u8; 3] = [255, 255, 255];

    const EYES: [Matrix; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]],
    ];
    const XYZ: Matrix = [
        [0.412_456_4, 0.357_576_1, 0.180_437_5],
        [0.212_672_9, 0.715_152_2, 0.072_175_0],
        [0.019_333_9, 0.119_192_0, 0.950_304_1],
    ];
    const WHITE_POINT: Triple = [0.950_47, 1.0, 1.088_83];

    fn times(matrix: &Matrix, v: Triple) -> Triple {
        matrix.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum())
    }

    fn linear(rgb: [u8; 3]) -> Triple {
        rgb.map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn lab(linear: Triple) -> Triple {
        let xyz = times(&XYZ, linear);
        let [x, y, z] = [0, 1, 2].map(|i| {
            let t: f64 = xyz[i] / WHITE_POINT[i];
            if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 }
        });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let [a, b] = [a, b].map(|rgb| times(&XYZ, linear(rgb))[1] + 0.05);
        (a / b).max(b / a)
    }

    /// The smallest difference between any two of the colours to any eye.
    fn least_difference(colours: [[u8; 3]; 3]) -> f64 {
        let mut least = f64::INFINITY;
        for eye in &EYES {
            let [a, b, c] = colours.map(|rgb| lab(times(eye, linear(rgb)).map(|c| c.clamp(0.0, 1.0))));
            for (p, q) in [(a, b), (b, c), (a, c)] {
                least = least.min(p.iter().zip(q).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt());
            }
        }
        least
    }

    fn xterm(index: u8) -> [u8; 3] {
        let step = |n: u8| [0, 95, 135, 175, 215, 255][usize::from(n)];
        let n = index - 16;
        [step(n / 36), step(n / 6 % 6), step(n % 6)]
    }

    fn check(palette: Palette, backgrounds: &[[u8; 3]], wanted_contrast: [f64; 2], wanted_difference: [f64; 2]) {
        let hues = [palette.up, palette.drain, palette.fail];
        for (depth, colours) in [hues.map(|hue| hue.rgb), hues.map(|hue| xterm(hue.indexed))].into_iter().enumerate() {
            let difference = least_difference(colours);
            assert!(difference >= wanted_difference[depth], "{palette:?}: {difference}");
            for (colour, background) in colours.iter().flat_map(|c| backgrounds.iter().map(move |b| (*c, *b))) {
                let contrast = contrast(colour, background);
                assert!(contrast >= wanted_contrast[depth], "{colour:?} on {background:?}: {contrast}");
            }
        }
    }

    #[test]
    fn the_yardstick_condemns_green_yellow_and_red() {
        assert!(least_difference([[0, 205, 0], [205, 205, 0], [205, 0, 0]]) < 10.0);
    }

    #[test]
    fn dark_is_readable_and_told_apart_by_every_eye() {
        check(DARK, &[BLACK], [5.0, 5.0], [33.0, 29.0]);
    }

    #[test]
    fn light_is_readable_and_told_apart_by_every_eye() {
        check(LIGHT, &[WHITE], [5.0, 4.5], [29.0, 40.0]);
    }

    /// The indexed pink has only 2.6:1 on white, which is why the theme makes it bold there.
    #[test]
    fn unknown_is_readable_on_both_backgrounds() {
        check(UNKNOWN, &[BLACK, WHITE], [3.0, 2.5], [22.0, 36.0]);
    }

    #[test]
    fn bars_have_the_three_to_one_of_graphics() {
        let backgrounds =
            [(DARK, BLACK), (LIGHT, WHITE), (UNKNOWN, BLACK), (UNKNOWN, WHITE), (CONTRAST_DARK, BLACK), (CONTRAST_LIGHT, WHITE)];
        for (palette, background) in backgrounds {
            for colour in [palette.bar.rgb, xterm(palette.bar.indexed)] {
                let contrast = contrast(colour, background);
                assert!(contrast >= 3.0, "{colour:?} on {background:?}: {contrast}");
            }
        }
    }

    #[test]
    fn contrast_has_seven_to_one() {
        check(CONTRAST_DARK, &[BLACK], [7.0, 7.0], [23.0, 30.0]);
        check(CONTRAST_LIGHT, &[WHITE], [7.0, 6.9], [30.0, 40.0]);
    }
}
