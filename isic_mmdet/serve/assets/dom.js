// Elements: finding and making them.

export const find = (id) => document.getElementById(id);

/** An element with properties and children; text is never taken for markup. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** An element of SVG with attributes and children. */
export function makeSvg(name, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Give every path of a group the same course. */
export function course(group, path) {
  for (const line of group.querySelectorAll('.casing, .contour')) line.setAttribute('d', path);
}
