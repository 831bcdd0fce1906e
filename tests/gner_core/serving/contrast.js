// Returns [what, ratio] of all visible texts, of chips' and fields' borders, against what is behind them.
() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((v) => (v <= 10.31 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgb("white");
  };
  const texts = [], borders = [];
  for (const one of document.querySelectorAll("body *")) {
    if (!one.checkVisibility() || one.disabled) continue;
    const style = getComputedStyle(one);
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (own || one.matches("textarea, input[type=text]")) texts.push([one.outerHTML.slice(0, 80), ratio(rgb(style.color), behind(one))]);
    if (one.placeholder) texts.push(["placeholder", ratio(rgb(getComputedStyle(one, "::placeholder").color), behind(one))]);
    if (one.matches("textarea, input[type=text], select, form button:not(li button)")) borders.push([one.outerHTML.slice(0, 80), ratio(rgb(style.borderTopColor), behind(one.parentElement))]);
  }
  return { texts, borders };
}
