// Whether people can read what is shown, in any theme.
import type { Page } from 'playwright-core';

/** Contrast of text that WCAG 2.1 asks for at level AA (1.4.3). */
const LEAST_CONTRAST = 4.5;

/** Texts below `selector` whose contrast to what lies behind them is too low, each with its contrast. */
export function unreadable(page: Page, selector: string): Promise<string[]> {
  return page.evaluate(
    `(() => {
      const parts = (color) => {
        const numbers = /^rgba?\\(([^)]+)\\)$/.exec(color);
        if (!numbers) throw new Error('a colour that this test cannot read: ' + color);
        const [red, green, blue, alpha = 1] = numbers[1].split(/[ ,/]+/).map(Number);
        return { rgb: [red, green, blue], alpha };
      };
      const luminance = (rgb) => {
        const linear = rgb.map((part) => part / 255).map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
      };
      const over = (upper, lower) => upper.rgb.map((part, index) => part * upper.alpha + lower[index] * (1 - upper.alpha));
      const behind = (element) => {
        if (!element) return [255, 255, 255];
        const background = parts(getComputedStyle(element).backgroundColor);
        return background.alpha === 1 ? background.rgb : over(background, behind(element.parentElement));
      };
      const contrast = (element) => {
        const background = behind(element);
        const text = over(parts(getComputedStyle(element).color), background);
        const [dark, light] = [luminance(text), luminance(background)].sort((left, right) => left - right);
        return (light + 0.05) / (dark + 0.05);
      };
      const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
      const shown = [...document.querySelectorAll('${selector} *')].filter((element) =>
        hasText(element) && element.checkVisibility() && !element.closest('option, style'));
      if (shown.length === 0) throw new Error('no text below ${selector}');
      return shown
        .map((element) => ({ element, ratio: contrast(element) }))
        .filter(({ ratio }) => ratio < ${LEAST_CONTRAST})
        .map(({ element, ratio }) => ratio.toFixed(2) + ': ' + element.outerHTML.slice(0, 120));
    })()`,
  );
}
