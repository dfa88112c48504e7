// Sound as Float64Array in -1..1, and what can be said about it.
import { readFileSync, writeFileSync } from 'node:fs';

export function tone(hz, seconds, rate, amplitude = 0.3) {
  const out = new Float64Array(Math.round(seconds * rate));
  for (let i = 0; i < out.length; i += 1) out[i] = amplitude * Math.sin((2 * Math.PI * hz * i) / rate);
  return out;
}

export function writeWav(path, samples, rate) {
  const data = Buffer.alloc(44 + samples.length * 2);
  data.write('RIFF', 0);
  data.writeUInt32LE(36 + samples.length * 2, 4);
  data.write('WAVEfmt ', 8);
  data.writeUInt32LE(16, 16);
  data.writeUInt16LE(1, 20);
  data.writeUInt16LE(1, 22);
  data.writeUInt32LE(rate, 24);
  data.writeUInt32LE(rate * 2, 28);
  data.writeUInt16LE(2, 32);
  data.writeUInt16LE(16, 34);
  data.write('data', 36);
  data.writeUInt32LE(samples.length * 2, 40);
  for (let i = 0; i < samples.length; i += 1) {
    data.writeInt16LE(Math.max(-32768, Math.min(32767, Math.round(samples[i] * 32767))), 44 + 2 * i);
  }
  writeFileSync(path, data);
}

/** {samples, rate} of a 16-bit PCM file; the first channel; also of a file whose sizes were never filled in. */
export function readWav(path) {
  const data = readFileSync(path);
  if (data.toString('latin1', 0, 4) !== 'RIFF') throw new Error(`${path} is no WAV file`);
  let rate = 0;
  let channels = 1;
  for (let at = 12; at + 8 <= data.length;) {
    const id = data.toString('latin1', at, at + 4);
    let size = data.readUInt32LE(at + 4);
    if (id === 'fmt ') {
      channels = data.readUInt16LE(at + 10);
      rate = data.readUInt32LE(at + 12);
      if (data.readUInt16LE(at + 22) !== 16) throw new Error(`${path} has no 16-bit samples`);
    }
    if (id === 'data') {
      if (size === 0 || at + 8 + size > data.length) size = data.length - at - 8;
      const count = Math.floor(size / 2 / channels);
      const samples = new Float64Array(count);
      for (let i = 0; i < count; i += 1) samples[i] = data.readInt16LE(at + 8 + 2 * i * channels) / 32768;
      return { samples, rate };
    }
    at += 8 + size + (size % 2);
  }
  return { samples: new Float64Array(0), rate };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : NaN;
}

export function rms(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return samples.length ? Math.sqrt(sum / samples.length) : 0;
}

export const dB = (value) => 20 * Math.log10(Math.max(value, 1e-9));

/** {snr, amplitude} in dB and full scale: least-squares fit of sine, cosine and offset at hz. */
function fit(block, hz, rate) {
  // normal equations for [sin, cos, 1]
  const m = [[0, 0, 0], [0, 0, 0], [0, 0, 0]];
  const v = [0, 0, 0];
  for (let i = 0; i < block.length; i += 1) {
    const w = (2 * Math.PI * hz * i) / rate;
    const row = [Math.sin(w), Math.cos(w), 1];
    for (let a = 0; a < 3; a += 1) {
      v[a] += row[a] * block[i];
      for (let b = 0; b < 3; b += 1) m[a][b] += row[a] * row[b];
    }
  }
  for (let a = 0; a < 3; a += 1) { // Gauss-Jordan; the matrix is well conditioned
    const pivot = m[a][a];
    for (let b = 0; b < 3; b += 1) m[a][b] /= pivot;
    v[a] /= pivot;
    for (let c = 0; c < 3; c += 1) {
      if (c !== a) {
        const k = m[c][a];
        for (let b = 0; b < 3; b += 1) m[c][b] -= k * m[a][b];
        v[c] -= k * v[a];
      }
    }
  }
  let signal = 0;
  let noise = 0;
  for (let i = 0; i < block.length; i += 1) {
    const w = (2 * Math.PI * hz * i) / rate;
    const model = v[0] * Math.sin(w) + v[1] * Math.cos(w);
    signal += model * model;
    noise += (block[i] - model - v[2]) ** 2;
  }
  return { snr: 10 * Math.log10((signal + 1e-12) / (noise + 1e-12)), amplitude: Math.hypot(v[0], v[1]) };
}

/** SNR in dB over 20 ms blocks: one value per block. */
export function snrBlocks(samples, rate, hz) {
  const size = Math.round(rate * 0.02);
  const out = [];
  for (let at = 0; at + size <= samples.length; at += size) out.push(fit(samples.subarray(at, at + size), hz, rate).snr);
  return out;
}

/** The best median SNR of any whole second. */
export function snr(samples, rate, hz) {
  const blocks = snrBlocks(samples, rate, hz);
  if (blocks.length < 50) return blocks.length ? median(blocks) : -Infinity;
  let best = -Infinity;
  for (let at = 0; at + 50 <= blocks.length; at += 10) best = Math.max(best, median(blocks.slice(at, at + 50)));
  return best;
}

/** Amplitude of a tone (Goertzel over the whole). */
export function level(samples, rate, hz) {
  let re = 0;
  let im = 0;
  for (let i = 0; i < samples.length; i += 1) {
    const w = (2 * Math.PI * hz * i) / rate;
    re += samples[i] * Math.cos(w);
    im += samples[i] * Math.sin(w);
  }
  return samples.length ? (2 * Math.hypot(re, im)) / samples.length : 0;
}

/** SNR in dB of several tones at once (whole multiples of 10 Hz): the median over blocks of 100 ms. */
export function snrMixed(samples, rate, tones) {
  const size = rate / 10;
  const out = [];
  for (let at = 0; at + size <= samples.length; at += size) {
    const block = samples.subarray(at, at + size);
    const signal = tones.reduce((sum, hz) => sum + level(block, rate, hz) ** 2 / 2, 0);
    out.push(10 * Math.log10((signal + 1e-12) / (Math.max(rms(block) ** 2 - signal, 0) + 1e-12)));
  }
  return out.length ? median(out) : -Infinity;
}

/** In place, 2^n values. */
function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i += 1) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
  }
  for (let size = 2; size <= n; size *= 2) {
    for (let from = 0; from < n; from += size) {
      for (let k = 0; k < size / 2; k += 1) {
        const angle = (-2 * Math.PI * k) / size;
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        const [a, b] = [from + k, from + k + size / 2];
        const [x, y] = [re[b] * c - im[b] * s, re[b] * s + im[b] * c];
        [re[b], im[b]] = [re[a] - x, im[a] - y];
        re[a] += x;
        im[a] += y;
      }
    }
  }
}

const FRAME = 512;
/** Speech at 16 kHz as frames of 16 bands between 150 and 3,600 Hz in dB, each 16 ms; silence is -50 dB. */
function bandsOf(samples) {
  const edges = Array.from({ length: 17 }, (_, i) => Math.round((150 * 24 ** (i / 16) * FRAME) / 16000));
  const rows = [];
  for (let at = 0; at + FRAME <= samples.length; at += FRAME / 2) {
    const re = Float64Array.from(samples.subarray(at, at + FRAME), (x, i) => x * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FRAME)));
    const im = new Float64Array(FRAME);
    fft(re, im);
    rows.push(edges.slice(1).map((to, b) => {
      let sum = 0;
      for (let k = edges[b]; k < Math.max(to, edges[b] + 1); k += 1) sum += re[k] ** 2 + im[k] ** 2;
      return sum;
    }));
  }
  const top = Math.max(...rows.flat());
  return rows.map((row) => row.map((power) => Math.max(10 * Math.log10(power / top + 1e-12), -50)));
}

/**
 * How far heard speech (16 kHz) is from the spoken, in dB per band and frame: 0 is the same, other words are 10 and
 * more. `spoken` repeats; what was heard may begin anywhere in it and be stretched here and there.
 */
export function spectralDistance(spoken, heard) {
  const period = bandsOf(spoken);
  const rows = bandsOf(heard);
  const far = (a, b) => a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
  const at = (i) => period[((i % period.length) + period.length) % period.length];
  let start = 0;
  let least = Infinity;
  for (let shift = 0; shift < period.length; shift += 1) {
    let sum = 0;
    for (let i = 0; i < rows.length; i += 4) sum += far(rows[i], at(i + shift));
    if (sum < least) [least, start] = [sum, shift];
  }
  const slack = 20; // frames: 320 ms earlier or later
  let before = new Array(2 * slack + 1).fill(0);
  rows.forEach((row, i) => { // time warping: each frame heard stands beside the one spoken that fits the way best
    const cost = before.map((_, d) => far(row, at(i + start + d - slack)));
    before = before.map((_, d) => cost[d] + Math.min(before[d], before[d + 1] ?? Infinity, before[d - 1] ?? Infinity));
  });
  return Math.min(...before) / rows.length;
}

/** Another rate, by straight lines; what the new rate cannot hold is damped first. */
export function resample(samples, from, to) {
  const width = Math.max(1, Math.floor(from / to));
  const out = new Float64Array(Math.floor((samples.length * to) / from));
  for (let i = 0; i < out.length; i += 1) {
    const at = (i * from) / to;
    const n = Math.floor(at);
    const mean = (k) => {
      let sum = 0;
      for (let j = 0; j < width; j += 1) sum += samples[Math.min(k + j, samples.length - 1)] || 0;
      return sum / width;
    };
    out[i] = mean(n) + (at - n) * (mean(n + 1) - mean(n));
  }
  return out;
}

/** Levels of each tone in dBFS per 100 ms window: [{at, levels: {hz: dB}}]. */
export function spectrogram(samples, rate, tones, windowMs = 100) {
  const size = Math.round((rate * windowMs) / 1000);
  const out = [];
  for (let at = 0; at + size <= samples.length; at += size) {
    const part = samples.subarray(at, at + size);
    out.push({ at: at / rate, levels: Object.fromEntries(tones.map((hz) => [hz, dB(level(part, rate, hz))])) });
  }
  return out;
}

/** The median over windows of each tone's level, in dBFS, of the middle of a recording. */
export function tonesHeard(samples, rate, tones) {
  const rows = spectrogram(samples, rate, tones);
  return Object.fromEntries(tones.map((hz) => [hz, median(rows.map((row) => row.levels[hz]))]));
}

/** How many seconds `heard` lies behind `sent` (same rate), by correlation of their envelopes. */
export function delay(sent, heard, rate, maxSec = 1) {
  const step = Math.max(1, Math.round(rate / 2000));
  const envelope = (samples) => {
    const out = [];
    for (let at = 0; at + step <= samples.length; at += step) out.push(rms(samples.subarray(at, at + step)));
    const mean = out.reduce((a, b) => a + b, 0) / Math.max(1, out.length);
    return out.map((value) => value - mean);
  };
  const a = envelope(sent);
  const b = envelope(heard);
  let best = 0;
  let bestSum = -Infinity;
  for (let shift = 0; shift < (maxSec * rate) / step; shift += 1) {
    let sum = 0;
    for (let i = 0; i < a.length && i + shift < b.length; i += 1) sum += a[i] * b[i + shift];
    if (sum > bestSum) {
      bestSum = sum;
      best = shift;
    }
  }
  return (best * step) / rate;
}

/** The largest rise or fall of energy in dB between neighbouring 10 ms blocks where both are above the floor. */
export function energySteps(samples, rate, floorDb = -50) {
  const size = Math.round(rate * 0.01);
  let last = null;
  let worst = 0;
  for (let at = 0; at + size <= samples.length; at += size) {
    const now = dB(rms(samples.subarray(at, at + size)));
    if (last !== null && (now > floorDb || last > floorDb)) worst = Math.max(worst, Math.abs(now - last));
    last = now;
  }
  return worst;
}

const ULAW_BIAS = 0x84;
export function ulawEncode(samples) {
  const out = Buffer.alloc(samples.length);
  for (let i = 0; i < samples.length; i += 1) {
    let value = Math.max(-32635, Math.min(32635, Math.round(samples[i] * 32767)));
    const sign = value < 0 ? 0x80 : 0;
    value = Math.abs(value) + ULAW_BIAS;
    let exponent = 7;
    for (let mask = 0x4000; exponent > 0 && (value & mask) === 0; mask >>= 1) exponent -= 1;
    out[i] = ~(sign | (exponent << 4) | ((value >> (exponent + 3)) & 0x0f)) & 0xff;
  }
  return out;
}

export function ulawDecode(bytes) {
  const out = new Float64Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) {
    const code = ~bytes[i] & 0xff;
    const value = ((((code & 0x0f) << 3) + ULAW_BIAS) << ((code >> 4) & 7)) - ULAW_BIAS;
    out[i] = (code & 0x80 ? -value : value) / 32768;
  }
  return out;
}
