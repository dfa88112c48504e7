/* Makes tests/data/numbers.tsv: numbers as providers write them, and what npm's libphonenumber-js
 * (the oracle of call/number.c) makes of them.
 *
 *     npm install --no-save libphonenumber-js && node tools/number_vectors.mjs > tests/data/numbers.tsv
 *
 * A line: home country, number as written, E.164, country. Only numbers the oracle calls valid. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { parsePhoneNumber } = require('libphonenumber-js/max');
const { countries } = require('libphonenumber-js/metadata.max.json');
const WANTED = 4000;
const names = Object.keys(countries);

let state = Number(process.argv[2] || 1);
function below(n) { /* mulberry32 */
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 0x100000000) * n);
}

/* A text the pattern matches: digits, \d, [classes], groups, |, ?, {n,m}. */
function sample(pattern) {
  let at = 0;
  const times = () => {
    if (pattern[at] === '?') {
      at++;
      return [0, 1];
    }
    if (pattern[at] !== '{') return [1, 1];
    const end = pattern.indexOf('}', at);
    const [low, high] = pattern.slice(at + 1, end).split(',');
    at = end + 1;
    return [Number(low), Number(high ?? low)];
  };
  const digits = () => {
    if (pattern[at] === '\\') {
      at += 2;
      return '0123456789';
    }
    if (pattern[at] !== '[') return pattern[at++];
    let set = '';
    for (at++; pattern[at] !== ']'; at++) {
      if (pattern[at + 1] !== '-') set += pattern[at];
      else for (let c = +pattern[at], last = +pattern[(at += 2)]; c <= last; c++) set += c;
    }
    at++;
    return set;
  };
  const choice = () => {
    const ways = [sequence()];
    for (; pattern[at] === '|'; ) {
      at++;
      ways.push(sequence());
    }
    return () => ways[below(ways.length)]();
  };
  const sequence = () => {
    const parts = [];
    while (at < pattern.length && !'|)'.includes(pattern[at])) {
      let one;
      if (pattern[at] === '(') {
        at += pattern.startsWith('(?:', at) ? 3 : 1;
        one = choice();
        at++;
      } else if (pattern[at] === '$') {
        at++;
        continue;
      } else {
        const set = digits();
        one = () => set[below(set.length)];
      }
      parts.push([one, ...times()]);
    }
    return () => parts.map(([one, low, high]) => {
      let text = '';
      for (let n = low + below(high - low + 1); n > 0; n--) text += one();
      return text;
    }).join('');
  };
  return choice()();
}

function written(home, other) {
  const [code, , pattern, , , prefix, , , , , , types] = countries[other];
  const known = types.filter((type) => type && type[0]);
  const national = sample(below(4) ? known[below(known.length)][0] : pattern);
  const forms = [
    `+${code}${national}`, sample(countries[home][1]) + code + national, (prefix || '') + national,
    national, code + national, `+${code}${prefix || ''}${national}`,
  ];
  const text = forms[below(forms.length)];
  return below(5) ? text : text.replace(/(\d{3})(\d)/, '$1 $2').replace(/(\d{4})$/, '-$1');
}

for (let count = 0; count < WANTED; ) {
  const home = names[below(names.length)];
  const text = written(home, below(3) ? home : names[below(names.length)]);
  let number;
  try {
    number = parsePhoneNumber(text, { defaultCountry: home, extract: false });
  } catch {
    continue;
  }
  if (!number?.isValid()) continue;
  console.log([home, text, number.number, number.country || ''].join('\t'));
  count++;
}
