// Whether what is shown has the room that it needs.
import type { Page } from 'playwright-core';

/** A difference of so many pixels is one of rounding, or of the room that a font keeps above its letters. */
const SLACK = 3;

/**
 * What is wrong with the room of what is seen below `selector`: horizontal scrollbars, texts that are cut off and that no
 * title shows in full, choices that are cut off, texts and fields that lie over each other.
 */
export function misplaced(page: Page, selector: string): Promise<string[]> {
  return page.evaluate(
    `(() => {
      const root = document.querySelector('${selector}');
      const all = [root, ...root.querySelectorAll('*')].filter((element) => element.checkVisibility());
      const named = (element) => element.outerHTML.slice(0, 140);
      const problems = [];
      const ofStyle = (element) => getComputedStyle(element);
      for (const element of all) {
        const { overflowX } = ofStyle(element);
        const isTooWide = element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0;
        if (isTooWide && /auto|scroll/.test(overflowX)) problems.push('scrolls sideways: ' + named(element));
        const isCut = isTooWide && /hidden|clip/.test(overflowX) && !ofStyle(element).clipPath.startsWith('inset');
        if (isCut && element.title !== element.textContent) problems.push('is cut off: ' + named(element));
      }
      // As wide as it would be with room for what is chosen alone.
      const widthOf = (field) => {
        const copy = field.cloneNode(false);
        copy.append(field.selectedOptions[0].cloneNode(true));
        Object.assign(copy.style, { position: 'absolute', flex: 'none', width: 'auto', maxWidth: 'none', minWidth: '0' });
        field.parentElement.append(copy);
        const { offsetWidth } = copy;
        copy.remove();
        return offsetWidth;
      };
      for (const field of all.filter((element) => element.matches('select') && element.value !== '')) {
        const [needed, given] = [widthOf(field), field.offsetWidth];
        if (needed > given) problems.push('choice is cut off, ' + given + ' of ' + needed + ' px: ' + field.selectedOptions[0].text);
      }
      // Parts of what scrolls are seen as far as their surroundings show them.
      const clipped = (rect, element) => {
        let { left, top, right, bottom } = rect;
        for (let around = element; around !== root.parentElement; around = around.parentElement) {
          if (ofStyle(around).overflow === 'visible') continue;
          const outer = around.getBoundingClientRect();
          [left, top] = [Math.max(left, outer.left), Math.max(top, outer.top)];
          [right, bottom] = [Math.min(right, outer.right), Math.min(bottom, outer.bottom)];
        }
        return { left, top, right, bottom };
      };
      const textRects = (element) => [...element.childNodes]
        .filter((node) => node.nodeType === 3 && node.data.trim() !== '')
        .flatMap((node) => {
          const range = document.createRange();
          range.selectNodeContents(node);
          return [...range.getClientRects()];
        });
      const seen = all
        .filter((element) => !element.closest('option, .mqtt-sessions-said'))
        .flatMap((element) => {
          const rects = element.matches('input, select, svg') ? [element.getBoundingClientRect()] : textRects(element);
          return rects.map((rect) => ({ element, ...clipped(rect, element) }));
        })
        .filter(({ left, top, right, bottom }) => right - left > ${SLACK} && bottom - top > ${SLACK});
      if (seen.length === 0) throw new Error('nothing is seen below ${selector}');
      const { left, right } = root.getBoundingClientRect();
      for (const one of seen)
        if (one.left < left - 1 || one.right > right + 1) problems.push('goes over the edge: ' + named(one.element));
      seen.forEach((one, index) => {
        for (const other of seen.slice(index + 1)) {
          if (one.element === other.element || one.element.contains(other.element)) continue;
          const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
          const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
          if (width > ${SLACK} && height > ${SLACK})
            problems.push('overlap: ' + named(one.element) + ' and ' + named(other.element));
        }
      });
      return [...new Set(problems)];
    })()`,
  );
}
