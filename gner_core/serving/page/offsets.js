// The API counts code points, JavaScript counts UTF-16 units: an emoji is one of the first and two of
// the others.

/** Return a function from a position in code points to the one in UTF-16 units of a text. */
export function unitsOf(text) {
  const starts = [];
  for (let at = 0; at < text.length; at += text.codePointAt(at) > 0xffff ? 2 : 1) starts.push(at);
  starts.push(text.length);
  return (point) => starts[point];
}
