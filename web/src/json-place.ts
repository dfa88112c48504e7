/* Where a JSON pointer stands in a text people edit: line and column, from 1. No DOM. */

export interface Place {
  line: number;
  column: number;
  offset: number;
}

/** Comments and trailing commas are skipped, as the router does. @return places of all values, by pointer; the pointer of a member leads to its key */
export function places(text: string): Map<string, number> {
  const found = new Map<string, number>();
  let at = 0;

  const skip = () => {
    for (;;) {
      while (at < text.length && /\s/.test(text[at])) at += 1;
      if (text.startsWith('//', at)) {
        const end = text.indexOf('\n', at);
        at = end < 0 ? text.length : end;
      } else if (text.startsWith('/*', at)) {
        const end = text.indexOf('*/', at + 2);
        at = end < 0 ? text.length : end + 2;
      } else {
        return;
      }
    }
  };
  const string = (): string | null => {
    const match = /"(?:[^"\\\n]|\\.)*"/y;
    match.lastIndex = at;
    const hit = match.exec(text);
    if (!hit) return null;
    at = match.lastIndex;
    try {
      return JSON.parse(hit[0]);
    } catch {
      return null;
    }
  };
  const value = (pointer: string): boolean => {
    skip();
    if (!found.has(pointer)) found.set(pointer, at);
    if (text[at] === '{') return members(pointer);
    if (text[at] === '[') return elements(pointer);
    if (text[at] === '"') return string() !== null;
    const match = /[-+.\w]+/y;
    match.lastIndex = at;
    if (!match.exec(text)) return false;
    at = match.lastIndex;
    return true;
  };
  const members = (pointer: string): boolean => {
    at += 1;
    for (;;) {
      skip();
      if (text[at] === '}') break;
      const start = at;
      const key = string();
      if (key === null) return false;
      const name = `${pointer}/${key.replace(/~/g, '~0').replace(/\//g, '~1')}`;
      found.set(name, start);
      skip();
      if (text[at] !== ':') return false;
      at += 1;
      if (!value(name)) return false;
      skip();
      if (text[at] === ',') at += 1;
      else if (text[at] !== '}') return false;
    }
    at += 1;
    return true;
  };
  const elements = (pointer: string): boolean => {
    at += 1;
    for (let index = 0; ; index += 1) {
      skip();
      if (text[at] === ']') break;
      if (!value(`${pointer}/${index}`)) return false;
      skip();
      if (text[at] === ',') at += 1;
      else if (text[at] !== ']') return false;
    }
    at += 1;
    return true;
  };
  value('');
  return found;
}

export function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, column: offset - before.lastIndexOf('\n'), offset };
}

/** The place of a pointer, or of the nearest thing around it that is there. */
export function placeOf(text: string, pointer: string, known = places(text)): Place {
  let rest = pointer;
  while (rest && !known.has(rest)) rest = rest.slice(0, rest.lastIndexOf('/'));
  return placeAt(text, known.get(rest) ?? 0);
}

/** The offset of line and column as an error message names them. */
export function offsetOf(text: string, line: number, column: number): number {
  let at = 0;
  for (let i = 1; i < line; i += 1) {
    const next = text.indexOf('\n', at);
    if (next < 0) return text.length;
    at = next + 1;
  }
  return Math.min(at + column - 1, text.length);
}
