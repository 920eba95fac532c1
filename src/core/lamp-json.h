/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A strict reader of JSON text (RFC 8259) that allocates nothing: everything is
 * a range of bytes in the text that was handed in, so what is stored or sent
 * stays the very bytes that came. */

/**
 * LAMP_JSON_MAX_DEPTH:
 *
 * How deep objects and arrays may nest in what comes from outside; the
 * outermost counts as 1 (section 3 of the specification).
 */
#define LAMP_JSON_MAX_DEPTH 64

/**
 * LampJsonType:
 *
 * What a value is. @LAMP_JSON_NONE stands for no value at all.
 */
typedef enum
{
  LAMP_JSON_NONE,
  LAMP_JSON_NULL,
  LAMP_JSON_FALSE,
  LAMP_JSON_TRUE,
  LAMP_JSON_NUMBER,
  LAMP_JSON_STRING,
  LAMP_JSON_ARRAY,
  LAMP_JSON_OBJECT,
} LampJsonType;

/**
 * LampJson:
 * @type: what the value is
 * @text: (not nullable) its first byte, not terminated; a string with its quotes
 * @length: bytes
 *
 * A value as a range of bytes in a checked text. It borrows that text.
 */
typedef struct
{
  LampJsonType type;
  const char *text;
  gsize length;
} LampJson;

/**
 * LampJsonIter:
 *
 * Walks the members of an object or the elements of an array. Lives on the stack.
 */
typedef struct
{
  /*< private >*/
  const char *position;
  const char *end;
  gboolean object;
} LampJsonIter;

/**
 * LampJsonProblem:
 * @offset: bytes into the text
 * @rule: (transfer none) (nullable) what was broken there, a translated sentence
 *   without a full stop ("a comma before the closing bracket is not allowed")
 */
typedef struct
{
  gsize offset;
  const char *rule;
} LampJsonProblem;

/**
 * lamp_json_check:
 * @text: (array length=length) (nullable): what may be JSON; need not be terminated
 * @length: bytes; @text may be %NULL if it is 0
 * @max_depth: how deep objects and arrays may nest, the outermost counts as 1; 0
 *   allows none, more than 1024 counts as 1024
 * @value: (out caller-allocates) (optional): the value without the white space
 *   around it, borrowing @text; of type %LAMP_JSON_NONE if @text isn't JSON
 * @problem: (out caller-allocates) (optional): what is wrong, and where
 *
 * Tells whether @text is one JSON value, strictly by RFC 8259: valid UTF-8 in its
 * strings, no byte order mark, no NaN, no comment, no comma before a closing
 * bracket, no needless zero, no bare control character in a string, and nothing but
 * white space around the value. Half a surrogate pair written as an escape is
 * grammatical and passes.
 *
 * Everything else here works only on values that passed.
 *
 * Returns: %TRUE if it is
 */
gboolean lamp_json_check         (const char      *text,
                                  gsize            length,
                                  guint            max_depth,
                                  LampJson        *value,
                                  LampJsonProblem *problem);

/**
 * lamp_json_find:
 * @object: a checked value
 * @name: the name of a member, not escaped
 * @value: (out caller-allocates) (optional): the member's value; of type
 *   %LAMP_JSON_NONE if there is none. May be @object itself
 *
 * Finds a member of @object, not of objects inside it. Names are compared without
 * their escapes. If a name is there twice the last one counts, as it does for the
 * servers that receive our events.
 *
 * Returns: %TRUE if there is one; always %FALSE if @object isn't an object
 */
gboolean lamp_json_find          (const LampJson  *object,
                                  const char      *name,
                                  LampJson        *value);

/**
 * lamp_json_iter_init:
 * @iter: (out caller-allocates): the iterator
 * @container: a checked value, whose text must outlive the walk
 *
 * Begins a walk over the members of an object or the elements of an array, in their
 * order. Any other value has none.
 */
void     lamp_json_iter_init     (LampJsonIter    *iter,
                                  const LampJson  *container);

/**
 * lamp_json_iter_next:
 * @iter: an iterator
 * @name: (out caller-allocates) (optional): the member's name, a string; of type
 *   %LAMP_JSON_NONE for an element of an array
 * @value: (out caller-allocates) (optional): the value
 *
 * Goes to the next member or element. Names that are there twice come twice.
 *
 * Returns: %FALSE at the end, and then @name and @value are not set
 */
gboolean lamp_json_iter_next     (LampJsonIter    *iter,
                                  LampJson        *name,
                                  LampJson        *value);

/**
 * lamp_json_string_equals:
 * @string: a checked value
 * @text: UTF-8
 *
 * Compares a string with @text, without its escapes and as lamp_json_dup_string()
 * would give it, but without memory.
 *
 * Returns: %TRUE if they are equal; %FALSE if @string isn't a string
 */
gboolean lamp_json_string_equals (const LampJson  *string,
                                  const char      *text);

/**
 * lamp_json_dup_string:
 * @string: a checked value
 *
 * Decodes a string. \u0000 and half a surrogate pair, which UTF-8 in a C string
 * can't hold, become U+FFFD.
 *
 * Returns: (transfer full) (nullable): UTF-8, or %NULL if @string isn't a string
 */
char    *lamp_json_dup_string    (const LampJson  *string);

/**
 * lamp_json_get_int:
 * @number: a checked value
 * @value: (out) (optional): the number; not set on %FALSE
 *
 * Reads a whole number that fits 64 bits, written without a fraction and an
 * exponent: neither 1.0 nor 1e3 is one.
 *
 * Returns: %TRUE if @number is one
 */
gboolean lamp_json_get_int       (const LampJson  *number,
                                  gint64          *value);

/**
 * lamp_json_append_string:
 * @json: the text that is being made
 * @text: valid UTF-8
 *
 * Appends @text as a JSON string with its quotes. Only what must be escaped is:
 * quotes, backslashes and characters below U+0020.
 */
void     lamp_json_append_string (GString         *json,
                                  const char      *text);

/**
 * lamp_json_append_line:
 * @json: the text that is being made
 * @value: a checked value
 *
 * Appends the bytes of @value as they are, except that each CR, LF or CR LF, which
 * can only stand outside strings, becomes one space. So what is stored is one line
 * (section 3 of the specification).
 */
void     lamp_json_append_line   (GString         *json,
                                  const LampJson  *value);

G_END_DECLS
