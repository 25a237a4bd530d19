// Elements: finding and making them.

export const find = (id) => document.getElementById(id);

/** An element with properties and children; text is never taken for markup. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Give every path of a group the same course. */
export function course(group, path) {
  for (const line of group.querySelectorAll('.casing, .contour')) line.setAttribute('d', path);
}
