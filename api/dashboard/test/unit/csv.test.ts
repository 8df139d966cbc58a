import { expect, test } from 'vitest';
import { csv, field } from '../../src/csv';
import { curl, quote } from '../../src/curl';

test.each([
  [null, ''], [0, '0'], [-5, '-5'], ['a,b', '"a,b"'], ['say "x"', '"say ""x"""'], ['two\nlines', '"two\nlines"'],
  ['=1+1', "'=1+1"], ['+x', "'+x"], ['-x', "'-x"], ['@x', "'@x"], ['=a,b', '"\'=a,b"'],
])('%j becomes %j', (cell, text) => expect(field(cell)).toBe(text));

test('a table has a header, and each row ends with CR LF', () => {
  expect(csv(['name', 'bytes'], [['a', 1], ['b', null]])).toBe('name,bytes\r\na,1\r\nb,\r\n');
});

test('a command has the variable for the token, and quotes the address', () => {
  expect(curl('http://x/?a=1&b=2')).toBe(`curl -s -H "Authorization: Bearer $TOKEN" 'http://x/?a=1&b=2'`);
  expect(quote("it's")).toBe(`'it'\\''s'`);
});
