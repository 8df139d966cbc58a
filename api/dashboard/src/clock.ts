// Times and ages on the page, which stay right while it is open.
import { h } from './dom';
import { ago, moment } from './format';

const TICK_MILLISECONDS = 15_000;

/** An age that keeps counting; the time itself is its title. */
export function age(time: string | null | undefined): HTMLElement | null {
  if (!time) return null;
  return h('time', { datetime: time, title: moment(time), class: 'age' }, ago(time, Date.now()));
}

/** Keeps all ages right. */
export function startClock(): void {
  setInterval(() => {
    for (const element of document.querySelectorAll<HTMLTimeElement>('time.age')) {
      element.textContent = ago(element.dateTime, Date.now());
    }
  }, TICK_MILLISECONDS);
}
