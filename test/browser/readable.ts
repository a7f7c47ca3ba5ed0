// Whether people can see what is shown, in any theme.
import type { Page } from 'playwright-core';

/** Contrast of text that WCAG 2.1 asks for at level AA (1.4.3). */
const LEAST_TEXT = 4.5;
/** Contrast of what is drawn, and of the frame around what has the focus (WCAG 2.1, 1.4.11). */
const LEAST_GRAPHICS = 3;

/** Defines `contrastOf(element, color)`: of a colour in an element, to what lies behind it. */
const CONTRAST = `
  const parts = (color) => {
    const [, notation, numbers] = /^(rgba?\\(|color\\(srgb )([^)]+)\\)$/.exec(color) ?? [];
    if (numbers === undefined) throw new Error('a colour that this test cannot read: ' + color);
    const [red, green, blue, alpha = 1] = numbers.split(/[ ,/]+/).map(Number);
    // What \`color-mix\` makes has parts from 0 to 1.
    const most = notation.startsWith('rgb') ? 1 : 255;
    return { rgb: [red * most, green * most, blue * most], alpha };
  };
  const over = (upper, lower) => {
    const alpha = upper.alpha + lower.alpha * (1 - upper.alpha);
    const mixed = upper.rgb.map((part, index) => part * upper.alpha + lower.rgb[index] * lower.alpha * (1 - upper.alpha));
    return { rgb: alpha === 0 ? mixed : mixed.map((part) => part / alpha), alpha };
  };
  // What is seen where a colour is painted in an element: its opacity, and that of all around it, makes both the colour
  // and the background fainter.
  const seen = (element, paint) => {
    let painted = paint;
    for (let around = element; around !== null; around = around.parentElement) {
      const { backgroundColor, opacity } = getComputedStyle(around);
      painted = over(painted, parts(backgroundColor));
      painted = { ...painted, alpha: painted.alpha * Number(opacity) };
    }
    return over(painted, { rgb: [255, 255, 255], alpha: 1 }).rgb;
  };
  const luminance = (rgb) => {
    const linear = rgb.map((part) => part / 255).map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const contrastOf = (element, color) => {
    const nothing = { rgb: [0, 0, 0], alpha: 0 };
    const both = [seen(element, parts(color)), seen(element, nothing)].map(luminance);
    const [dark, light] = both.sort((left, right) => left - right);
    return (light + 0.05) / (dark + 0.05);
  };
  const tooFaint = (measured, least) => measured
    .map(({ element, color, on = element }) => ({ element, ratio: contrastOf(on, color) }))
    .filter(({ ratio }) => ratio < least)
    .map(({ element, ratio }) => ratio.toFixed(2) + ': ' + element.outerHTML.slice(0, 160));
`;

/**
 * Texts below `selector` whose contrast to what lies behind them is too low, each with its contrast. The texts of fields
 * count; those of what cannot be used now do not (WCAG 2.1, 1.4.3: "inactive user interface component").
 */
export function unreadable(page: Page, selector: string): Promise<string[]> {
  return page.evaluate(
    `(() => {
      ${CONTRAST}
      const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
      const isField = (element) => element.matches('select, textarea, input:not([type=checkbox], [type=radio])') && element.value !== '';
      const isInactive = (element) => element.closest(':disabled, [aria-disabled=true]') !== null;
      const shown = [...document.querySelectorAll('${selector} *')].filter((element) =>
        (hasText(element) || isField(element)) && element.checkVisibility() && !element.closest('option, style') && !isInactive(element));
      if (shown.length === 0) throw new Error('no text below ${selector}');
      return tooFaint(shown.map((element) => ({ element, color: getComputedStyle(element).color })), ${LEAST_TEXT});
    })()`,
  );
}

/**
 * What is drawn below `root` and too faint to be seen, each with its contrast. `drawn`: selectors, and the property that
 * gives each of them its colour; each must be there. What is drawn lies on the background of what is around it.
 */
export function faint(page: Page, root: string, drawn: Readonly<Record<string, string>>): Promise<string[]> {
  return page.evaluate(
    `(() => {
      ${CONTRAST}
      const measured = Object.entries(${JSON.stringify(drawn)}).flatMap(([selector, property]) => {
        const found = [...document.querySelectorAll('${root} ' + selector)].filter((element) => element.checkVisibility());
        if (found.length === 0) throw new Error('nothing is drawn as ' + selector + ' below ${root}');
        // Its own background is the paint, not what lies behind it.
        return found.map((element) => ({
          element,
          on: property === 'backgroundColor' ? element.parentElement : element,
          color: getComputedStyle(element)[property],
        }));
      });
      return tooFaint(measured, ${LEAST_GRAPHICS});
    })()`,
  );
}
