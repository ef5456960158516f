"""mmsynth: labelled mmWave radar recordings of people, synthesised from human motion.

Conventions, each owned by a test:

- SI inside (m, s, Hz, rad, m/s, W, K). dB and degrees only in TOML, on the command line and in print.
- World: right-handed, z up, floor z = 0. Radar: x right, y boresight, z up. Transforms are named `world_from_radar`.
- Azimuth = atan2(x, y), positive to the right; elevation = asin(z / r), positive up.
- Beat phase `+2 pi (f0 tau + S tau t - S tau^2 / 2)`, that is exp(+j omega tau): range bins are positive, radial
  velocity is positive when receding, and positive in the Doppler axis. Formulas of the literature for exp(-j k R) are
  conjugated once.
- f0 is the frequency at the start of the ramp; sample k is taken at `adc_start + k / fs` from there; the wavelength is
  that of the middle of the sampled window.
- Seconds from the first sample. When each chirp leaves comes from `Radar.chirp_times` alone.
- Delays in float64; samples and cubes complex64; networks float32.
- Randomness comes from an explicit generator; the stream of sample i is keyed by (seed, i).
- Errors at the door are a ValueError of one sentence: name, expected, got.
"""

__version__ = "0.1.0"
