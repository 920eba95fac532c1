/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-json.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* The reader keeps one bit for each open container, so depth costs neither memory nor stack. */
#define DEPTH_LIMIT 1024

/* A word of string bytes is looked at in one step; the patterns repeat a byte over it. */
#define WORD_BYTES sizeof (guint64)
#define EVERY_BYTE(byte) (G_MAXUINT64 / 0xff * (byte))

#define REPLACEMENT_CHARACTER 0xfffd
#define SURROGATE_FIRST 0xd800
#define SURROGATE_LOW 0xdc00
#define SURROGATE_LAST 0xdfff

/* The longest a decoded character gets; g_unichar_to_utf8() asks for room for six bytes. */
#define CHARACTER_BYTES 6

typedef struct
{
  const guchar *position;
  const guchar *end;
  const char *rule; /* (nullable) what was broken at position, not translated yet */
  guint depth;
  guint max_depth;
  guint8 objects[DEPTH_LIMIT / 8]; /* a bit for each open container: is it an object? */
} Reader;

typedef enum
{
  CLASS_SPACE = 1 << 0,  /* white space between tokens */
  CLASS_STRING = 1 << 1, /* stands for itself in a string, alone */
  CLASS_DIGIT = 1 << 2,
  CLASS_SCALAR_END = 1 << 3, /* a number or word is over here */
} Class;

#define S CLASS_STRING
#define D (CLASS_STRING | CLASS_DIGIT)
#define E (CLASS_STRING | CLASS_SCALAR_END)
#define W (CLASS_SPACE | CLASS_SCALAR_END)
static const guint8 classes[256] = {
  /* clang-format off */
  0, 0, 0, 0, 0, 0, 0, 0, 0, W, W, 0, 0, W, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  W | S, S, 0, S, S, S, S, S, S, S, S, S, E, S, S, S,
  D, D, D, D, D, D, D, D, D, D, S, S, S, S, S, S,
  S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
  S, S, S, S, S, S, S, S, S, S, S, S, 0, E, S, S,
  S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
  S, S, S, S, S, S, S, S, S, S, S, S, S, E, S, S,
  /* clang-format on */
};
#undef S
#undef D
#undef E
#undef W

/* Every other first byte of a checked value begins a number. */
static const guint8 types[256] = {
  ['n'] = LAMP_JSON_NULL,   ['f'] = LAMP_JSON_FALSE, ['t'] = LAMP_JSON_TRUE,
  ['"'] = LAMP_JSON_STRING, ['['] = LAMP_JSON_ARRAY, ['{'] = LAMP_JSON_OBJECT,
};

/* What the byte after a backslash stands for; 'u' is not here. */
static const char escapes[256] = {
  ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
  ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

static const struct
{
  const char *text;
  gsize length;
} words[] = {
  { "true", 4 },
  { "false", 5 },
  { "null", 4 },
};

/* What other readers of JSON take, told apart so that the message helps. */
static const struct
{
  guchar byte;
  const char *rule;
} strangers[] = {
  { '\'', N_("a string stands between double quotes, not single ones") },
  { '/', N_("a comment is not allowed") },
  { '#', N_("a comment is not allowed") },
  { 'N', N_("NaN is not allowed") },
  { 'I', N_("Infinity is not allowed") },
};

static gboolean
refuse (Reader     *self,
        const char *rule)
{
  self->rule = self->position < self->end ? rule : N_("the text ends too early");

  return FALSE;
}

static gboolean
refuse_at (Reader       *self,
           const guchar *position,
           const char   *rule)
{
  self->position = position;

  return refuse (self, rule);
}

/* Something else than @rule asks for stands here. */
static gboolean
refuse_stranger (Reader     *self,
                 const char *rule)
{
  if (self->position < self->end)
    for (gsize i = 0; i < G_N_ELEMENTS (strangers); i++)
      if (strangers[i].byte == *self->position)
        return refuse (self, strangers[i].rule);

  return refuse (self, rule);
}

static inline gboolean
at (const Reader *self,
    guchar        byte)
{
  return self->position < self->end && *self->position == byte;
}

static inline gboolean
at_class (const Reader *self,
          Class         class)
{
  return self->position < self->end && (classes[*self->position] & class) != 0;
}

static inline void
skip_space (Reader *self)
{
  while (at_class (self, CLASS_SPACE))
    self->position++;
}

/* Passes the bytes that stand for themselves in a string, a word at a time. A byte below
 * 0x20, a quote, a backslash or a byte of a longer character ends it. */
static inline const guchar *
skip_plain (const guchar *position,
            const guchar *end)
{
  while ((gsize) (end - position) >= WORD_BYTES)
    {
      guint64 word;
      guint64 quote;
      guint64 backslash;
      guint64 special;

      memcpy (&word, position, WORD_BYTES);
      quote = word ^ EVERY_BYTE ('"');
      backslash = word ^ EVERY_BYTE ('\\');
      special = (word - EVERY_BYTE (0x20)) | (quote - EVERY_BYTE (1)) |
                (backslash - EVERY_BYTE (1)) | word;

      if ((special & EVERY_BYTE (0x80)) != 0)
        break;

      position += WORD_BYTES;
    }

  while (position < end && (classes[*position] & CLASS_STRING) != 0)
    position++;

  return position;
}

/* The length of the UTF-8 character at the position, 0 if it is none: no overlong form,
 * no surrogate, nothing above U+10FFFF (RFC 3629, section 4). */
static gsize
character_length (const guchar *position,
                  gsize         left)
{
  static const struct
  {
    guchar first;
    guchar last;
    guchar length;
    guchar second_min;
    guchar second_max;
  } forms[] = {
    { 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf }, { 0xe1, 0xec, 3, 0x80, 0xbf },
    { 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf }, { 0xf0, 0xf0, 4, 0x90, 0xbf },
    { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
  };
  gsize form = 0;

  while (form < G_N_ELEMENTS (forms) && *position > forms[form].last)
    form++;

  if (form == G_N_ELEMENTS (forms) || *position < forms[form].first || left < forms[form].length ||
      position[1] < forms[form].second_min || position[1] > forms[form].second_max)
    return 0;

  for (gsize i = 2; i < forms[form].length; i++)
    if ((position[i] & 0xc0) != 0x80)
      return 0;

  return forms[form].length;
}

/* Passes what isn't ASCII, which seldom comes alone. */
static gboolean
check_characters (Reader *self)
{
  do
    {
      gsize length = character_length (self->position, self->end - self->position);

      if (length == 0)
        return refuse (self, N_("the text is not valid UTF-8"));

      self->position += length;
    }
  while (self->position < self->end && *self->position >= 0x80);

  return TRUE;
}

static gboolean
check_escape (Reader *self)
{
  const guchar *backslash = self->position++;

  if (at (self, 'u'))
    {
      for (gsize i = 0; i < 4; i++)
        {
          self->position++;
          if (self->position < self->end && !g_ascii_isxdigit (*self->position))
            return refuse_at (self, backslash, N_("\\u needs four hexadecimal digits"));
        }
    }
  else if (self->position < self->end && escapes[*self->position] == '\0')
    {
      /* TRANSLATORS: keep the nine characters after “of” as they are */
      return refuse_at (self, backslash, N_("after a backslash only one of \"\\/bfnrtu may come"));
    }

  if (self->position >= self->end)
    return refuse_at (self, self->end, NULL);

  self->position++;

  return TRUE;
}

static gboolean
check_string (Reader *self)
{
  self->position++;

  for (;;)
    {
      self->position = skip_plain (self->position, self->end);

      if (self->position >= self->end)
        return refuse (self, NULL);

      if (*self->position == '"')
        break;

      if (*self->position < 0x20)
        return refuse (self, N_("a control character in a string must be escaped"));

      if (!(*self->position == '\\' ? check_escape (self) : check_characters (self)))
        return FALSE;
    }

  self->position++;

  return TRUE;
}

static gboolean
check_digits (Reader *self)
{
  if (!at_class (self, CLASS_DIGIT))
    return refuse (self, N_("a digit is missing"));

  while (at_class (self, CLASS_DIGIT))
    self->position++;

  return TRUE;
}

static gboolean
check_number (Reader *self)
{
  const guchar *first;

  if (at (self, '-'))
    self->position++;

  first = self->position;
  if (!check_digits (self))
    return FALSE;

  if (*first == '0' && self->position - first > 1)
    return refuse_at (self, first, N_("a number may not begin with a needless zero"));

  if (at (self, '.'))
    {
      self->position++;
      if (!check_digits (self))
        return FALSE;
    }

  if (at (self, 'e') || at (self, 'E'))
    {
      self->position++;
      if (at (self, '+') || at (self, '-'))
        self->position++;
      if (!check_digits (self))
        return FALSE;
    }

  return TRUE;
}

static gboolean
check_word (Reader *self)
{
  gsize left = self->end - self->position;

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (left >= words[i].length && memcmp (self->position, words[i].text, words[i].length) == 0)
      {
        self->position += words[i].length;
        return TRUE;
      }

  return refuse_stranger (self, N_("a value is missing: an object, an array, a string, "
                                   "a number, true, false or null"));
}

static gboolean
check_scalar (Reader *self)
{
  if (at (self, '"'))
    return check_string (self);

  if (at (self, '-') || at_class (self, CLASS_DIGIT))
    return check_number (self);

  return check_word (self);
}

static inline gboolean
in_object (const Reader *self)
{
  guint level = self->depth - 1;

  return (self->objects[level / 8] >> (level % 8) & 1) != 0;
}

static inline gboolean
at_close (const Reader *self)
{
  return self->depth > 0 && at (self, in_object (self) ? '}' : ']');
}

static gboolean
open_container (Reader *self)
{
  guint8 bit = 1 << (self->depth % 8);

  if (self->depth == self->max_depth)
    return refuse (self, N_("objects and arrays are nested too deeply"));

  if (*self->position == '{')
    self->objects[self->depth / 8] |= bit;
  else
    self->objects[self->depth / 8] &= ~bit;

  self->depth++;
  self->position++;
  skip_space (self);

  return TRUE;
}

static gboolean
check_name (Reader *self)
{
  if (!at (self, '"'))
    return refuse_stranger (self, N_("a member needs a name between double quotes"));

  if (!check_string (self))
    return FALSE;

  skip_space (self);
  if (!at (self, ':'))
    return refuse_stranger (self, N_("a colon is missing after the name of a member"));

  self->position++;
  skip_space (self);

  return TRUE;
}

static gboolean
check_comma (Reader *self)
{
  const guchar *comma = self->position;

  if (!at (self, ','))
    return refuse_stranger (self, in_object (self)
                                    ? N_("a comma or a closing brace is missing")
                                    : N_("a comma or a closing bracket is missing"));

  self->position++;
  skip_space (self);

  if (at (self, '}') || at (self, ']'))
    return refuse_at (self, comma, N_("a comma before the closing bracket is not allowed"));

  return TRUE;
}

/* What follows a value: the ends of containers, and then the comma before the next value,
 * unless that was the last one. */
static gboolean
check_after_value (Reader *self)
{
  skip_space (self);

  while (at_close (self))
    {
      self->depth--;
      self->position++;
      skip_space (self);
    }

  return self->depth == 0 || check_comma (self);
}

/* Goes from value to value; a container that was just opened and isn't empty has its first
 * one next. */
static gboolean
check_values (Reader *self)
{
  do
    {
      if (self->depth > 0 && in_object (self) && !check_name (self))
        return FALSE;

      if (at (self, '{') || at (self, '['))
        {
          if (!open_container (self))
            return FALSE;

          if (!at_close (self))
            continue;
        }
      else if (!check_scalar (self))
        {
          return FALSE;
        }

      if (!check_after_value (self))
        return FALSE;
    }
  while (self->depth > 0);

  return TRUE;
}

static gboolean
check_document (Reader *self)
{
  static const guchar byte_order_mark[] = { 0xef, 0xbb, 0xbf };

  if ((gsize) (self->end - self->position) >= sizeof byte_order_mark &&
      memcmp (self->position, byte_order_mark, sizeof byte_order_mark) == 0)
    return refuse (self, N_("a byte order mark is not allowed"));

  skip_space (self);
  if (!check_values (self))
    return FALSE;

  if (self->position < self->end)
    return refuse_stranger (self, N_("nothing may follow the value"));

  return TRUE;
}

static LampJson
value_between (const guchar *first,
               const guchar *end)
{
  guint8 type = types[*first];

  return (LampJson){
    .type = type != LAMP_JSON_NONE ? type : LAMP_JSON_NUMBER,
    .text = (const char *) first,
    .length = end - first,
  };
}

static LampJson
no_value (void)
{
  return (LampJson){ .type = LAMP_JSON_NONE, .text = "" };
}

static LampJson
trimmed (const guchar *first,
         const guchar *end)
{
  while ((classes[*first] & CLASS_SPACE) != 0)
    first++;

  while ((classes[end[-1]] & CLASS_SPACE) != 0)
    end--;

  return value_between (first, end);
}

gboolean
lamp_json_check (const char      *text,
                 gsize            length,
                 guint            max_depth,
                 LampJson        *value,
                 LampJsonProblem *problem)
{
  const guchar *first = (const guchar *) (text != NULL ? text : "");
  Reader reader = {
    .position = first,
    .end = first + length,
    .max_depth = MIN (max_depth, DEPTH_LIMIT),
  };
  gboolean valid;

  g_return_val_if_fail (text != NULL || length == 0, FALSE);

  valid = check_document (&reader);

  if (value != NULL)
    *value = valid ? trimmed (first, reader.end) : no_value ();

  if (problem != NULL)
    {
      problem->offset = valid ? 0 : reader.position - first;
      problem->rule = valid ? NULL : _(reader.rule);
    }

  return valid;
}

/* From here on the text was checked, so it is well formed. */

/* Whether a byte of the word is zero, exactly. */
static inline gboolean
has_zero_byte (guint64 word)
{
  return ((word - EVERY_BYTE (1)) & ~word & EVERY_BYTE (0x80)) != 0;
}

/* The next quote or backslash; there is one. */
static inline const guchar *
find_special (const guchar *position,
              const guchar *end)
{
  while ((gsize) (end - position) >= WORD_BYTES)
    {
      guint64 word;

      memcpy (&word, position, WORD_BYTES);
      if (has_zero_byte (word ^ EVERY_BYTE ('"')) || has_zero_byte (word ^ EVERY_BYTE ('\\')))
        break;

      position += WORD_BYTES;
    }

  while (*position != '"' && *position != '\\')
    position++;

  return position;
}

static const guchar *
after_string (const guchar *position,
              const guchar *end)
{
  position = find_special (position + 1, end);
  while (*position == '\\')
    position = find_special (position + 2, end);

  return position + 1;
}

static const guchar *
after_container (const guchar *position,
                 const guchar *end)
{
  guint depth = 0;

  do
    {
      if (*position == '"')
        {
          position = after_string (position, end);
          continue;
        }

      if (*position == '{' || *position == '[')
        depth++;
      else if (*position == '}' || *position == ']')
        depth--;

      position++;
    }
  while (depth > 0);

  return position;
}

static const guchar *
after_value (const guchar *position,
             const guchar *end)
{
  if (*position == '"')
    return after_string (position, end);

  if (*position == '{' || *position == '[')
    return after_container (position, end);

  while (position < end && (classes[*position] & CLASS_SCALAR_END) == 0)
    position++;

  return position;
}

/* Passes white space and the one @byte that may stand in it. */
static const guchar *
after_separator (const guchar *position,
                 const guchar *end,
                 guchar        byte)
{
  while (position < end && (*position == byte || (classes[*position] & CLASS_SPACE) != 0))
    position++;

  return position;
}

void
lamp_json_iter_init (LampJsonIter   *iter,
                     const LampJson *container)
{
  gboolean walkable;

  g_return_if_fail (iter != NULL);
  g_return_if_fail (container != NULL);

  walkable = container->type == LAMP_JSON_OBJECT || container->type == LAMP_JSON_ARRAY;

  iter->position = walkable ? container->text + 1 : container->text;
  iter->end = walkable ? container->text + container->length - 1 : container->text;
  iter->object = container->type == LAMP_JSON_OBJECT;
}

gboolean
lamp_json_iter_next (LampJsonIter *iter,
                     LampJson     *name,
                     LampJson     *value)
{
  const guchar *end;
  const guchar *first;
  const guchar *next;

  g_return_val_if_fail (iter != NULL, FALSE);

  end = (const guchar *) iter->end;
  first = after_separator ((const guchar *) iter->position, end, ',');
  if (first == end)
    return FALSE;

  if (name != NULL)
    *name = no_value ();

  if (iter->object)
    {
      next = after_string (first, end);
      if (name != NULL)
        *name = value_between (first, next);
      first = after_separator (next, end, ':');
    }

  next = after_value (first, end);
  if (value != NULL)
    *value = value_between (first, next);

  iter->position = (const char *) next;

  return TRUE;
}

gboolean
lamp_json_find (const LampJson *object,
                const char     *name,
                LampJson       *value)
{
  LampJsonIter iter;
  LampJson member;
  LampJson candidate;
  LampJson found = no_value ();

  g_return_val_if_fail (object != NULL, FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  lamp_json_iter_init (&iter, object);
  while (iter.object && lamp_json_iter_next (&iter, &member, &candidate))
    if (lamp_json_string_equals (&member, name))
      found = candidate;

  if (value != NULL)
    *value = found;

  return found.type != LAMP_JSON_NONE;
}

static gunichar
read_unit (const char *digits)
{
  gunichar unit = 0;

  for (gsize i = 0; i < 4; i++)
    unit = unit << 4 | g_ascii_xdigit_value (digits[i]);

  return unit;
}

/* Reads the digits behind \u, and the second half of a surrogate pair if it follows. Half
 * a pair and U+0000 can't stand in a C string of UTF-8 and become U+FFFD. */
static gunichar
read_unicode (const char **position)
{
  gunichar unit = read_unit (*position);
  gunichar low;

  *position += 4;

  if (unit == 0)
    return REPLACEMENT_CHARACTER;

  if (unit < SURROGATE_FIRST || unit > SURROGATE_LAST)
    return unit;

  if (unit >= SURROGATE_LOW || (*position)[0] != '\\' || (*position)[1] != 'u')
    return REPLACEMENT_CHARACTER;

  low = read_unit (*position + 2);
  if (low < SURROGATE_LOW || low > SURROGATE_LAST)
    return REPLACEMENT_CHARACTER;

  *position += 6;

  return 0x10000 + ((unit - SURROGATE_FIRST) << 10) + (low - SURROGATE_LOW);
}

/* Decodes what stands at the position, which moves on: a byte, or an escape. */
static gsize
read_piece (const char **position,
            char         piece[CHARACTER_BYTES])
{
  guchar escaped;

  if (**position != '\\')
    {
      piece[0] = *(*position)++;
      return 1;
    }

  escaped = (*position)[1];
  *position += 2;

  if (escaped == 'u')
    return g_unichar_to_utf8 (read_unicode (position), piece);

  piece[0] = escapes[escaped];

  return 1;
}

gboolean
lamp_json_string_equals (const LampJson *string,
                         const char     *text)
{
  const char *position;
  const char *end;
  char piece[CHARACTER_BYTES];

  g_return_val_if_fail (string != NULL, FALSE);
  g_return_val_if_fail (text != NULL, FALSE);

  if (string->type != LAMP_JSON_STRING)
    return FALSE;

  position = string->text + 1;
  end = string->text + string->length - 1;

  while (position < end)
    {
      gsize length = read_piece (&position, piece);

      if (strncmp (text, piece, length) != 0)
        return FALSE;

      text += length;
    }

  return *text == '\0';
}

char *
lamp_json_dup_string (const LampJson *string)
{
  GString *decoded;
  const char *position;
  const char *end;
  char piece[CHARACTER_BYTES];

  g_return_val_if_fail (string != NULL, NULL);

  if (string->type != LAMP_JSON_STRING)
    return NULL;

  position = string->text + 1;
  end = string->text + string->length - 1;

  if (memchr (position, '\\', end - position) == NULL)
    return g_strndup (position, end - position);

  decoded = g_string_sized_new (string->length);
  while (position < end)
    {
      gsize length = read_piece (&position, piece);

      g_string_append_len (decoded, piece, length);
    }

  return g_string_free (decoded, FALSE);
}

gboolean
lamp_json_get_int (const LampJson *number,
                   gint64         *value)
{
  gboolean negative;
  guint64 magnitude = 0;
  guint64 limit;

  g_return_val_if_fail (number != NULL, FALSE);

  if (number->type != LAMP_JSON_NUMBER)
    return FALSE;

  negative = number->text[0] == '-';
  limit = (guint64) G_MAXINT64 + (negative ? 1 : 0);

  for (gsize i = negative ? 1 : 0; i < number->length; i++)
    {
      guint digit = (guchar) number->text[i] - '0';

      if (digit > 9 || magnitude > (limit - digit) / 10)
        return FALSE;

      magnitude = magnitude * 10 + digit;
    }

  if (value != NULL)
    *value = negative ? (gint64) (0 - magnitude) : (gint64) magnitude;

  return TRUE;
}

static void
append_character (GString *json,
                  guchar   byte)
{
  static const char letters[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
    ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
  };

  if (letters[byte] != '\0')
    {
      g_string_append_c (json, '\\');
      g_string_append_c (json, letters[byte]);
    }
  else if (byte < 0x20)
    {
      g_string_append_printf (json, "\\u%04x", byte);
    }
  else
    {
      g_string_append_c (json, byte);
    }
}

void
lamp_json_append_string (GString    *json,
                         const char *text)
{
  g_return_if_fail (json != NULL);
  g_return_if_fail (text != NULL);

  g_string_append_c (json, '"');
  for (; *text != '\0'; text++)
    append_character (json, *text);
  g_string_append_c (json, '"');
}

/* A string of a checked text holds no bare line break: each one found lies outside. */
void
lamp_json_append_line (GString        *json,
                       const LampJson *value)
{
  const char *position;
  const char *end;

  g_return_if_fail (json != NULL);
  g_return_if_fail (value != NULL);

  position = value->text;
  end = value->text + value->length;

  while (position < end)
    {
      const char *stop = position;

      while (stop < end && *stop != '\n' && *stop != '\r')
        stop++;

      g_string_append_len (json, position, stop - position);
      if (stop == end)
        break;

      g_string_append_c (json, ' ');
      position = stop + (stop[0] == '\r' && stop + 1 < end && stop[1] == '\n' ? 2 : 1);
    }
}
