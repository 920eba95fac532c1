/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-ulid.h"

#include "lamp-random.h"

#include <string.h>

/* Ten digits hold the milliseconds, sixteen the random bits; a digit is five bits. */
#define TIME_DIGITS 10
#define DIGIT_BITS 5
#define DIGIT_MAX 31

/* Twenty-six digits are 130 bits, an id is 128: the first digit has only three. */
#define FIRST_DIGIT_MAX 7

#define RANDOM_BYTES 10

/* Five bytes are eight digits. */
#define GROUP_BYTES 5
#define GROUP_DIGITS 8

#define USEC_PER_MSEC 1000
#define TIME_MAX ((G_GINT64_CONSTANT (1) << 48) - 1)

#define NO_DIGIT (-1)

typedef guint8 Digits[LAMP_ULID_LENGTH];

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static int
digit_value (char c)
{
  const char *digit = c != '\0' ? strchr (alphabet, g_ascii_toupper (c)) : NULL;

  return digit != NULL ? (int) (digit - alphabet) : NO_DIGIT;
}

static gboolean
parse (const char *text,
       Digits      digits)
{
  if (text == NULL)
    return FALSE;

  for (gsize i = 0; i < LAMP_ULID_LENGTH; i++)
    {
      int value = digit_value (text[i]);

      if (value == NO_DIGIT)
        return FALSE;

      digits[i] = value;
    }

  return text[LAMP_ULID_LENGTH] == '\0' && digits[0] <= FIRST_DIGIT_MAX;
}

static gint64
read_time (const Digits digits)
{
  gint64 time = 0;

  for (gsize i = 0; i < TIME_DIGITS; i++)
    time = time << DIGIT_BITS | digits[i];

  return time;
}

static void
write_time (Digits digits,
            gint64 time)
{
  for (gsize i = TIME_DIGITS; i-- > 0; time >>= DIGIT_BITS)
    digits[i] = time & DIGIT_MAX;
}

static void
write_random (Digits digits)
{
  guint8 bytes[RANDOM_BYTES];
  guint8 *to = digits + TIME_DIGITS;

  lamp_random_fill (bytes, sizeof bytes);

  for (gsize i = 0; i < RANDOM_BYTES; i += GROUP_BYTES)
    {
      guint64 group = 0;

      for (gsize j = 0; j < GROUP_BYTES; j++)
        group = group << 8 | bytes[i + j];

      for (gsize j = 0; j < GROUP_DIGITS; j++)
        *to++ = group >> (DIGIT_BITS * (GROUP_DIGITS - 1 - j)) & DIGIT_MAX;
    }
}

/* Adds one to the whole number, so a full random part carries into the time. The largest
 * id of all (in the year 10889) stays as it is. */
static void
increment (Digits digits)
{
  Digits sum;

  memcpy (sum, digits, sizeof sum);

  for (gsize i = LAMP_ULID_LENGTH; i-- > 0;)
    {
      sum[i] = (digits[i] + 1) & DIGIT_MAX;
      if (sum[i] != 0)
        break;
    }

  if (sum[0] > FIRST_DIGIT_MAX)
    return;

  memcpy (digits, sum, sizeof sum);
}

gboolean
lamp_ulid_is_valid (const char *text)
{
  Digits digits;

  return parse (text, digits);
}

void
lamp_ulid_next (const char *last,
                gint64      now,
                char       *ulid)
{
  gint64 time = CLAMP (now / USEC_PER_MSEC, 0, TIME_MAX);
  Digits digits;

  g_return_if_fail (ulid != NULL);

  if (parse (last, digits) && time <= read_time (digits))
    {
      increment (digits);
    }
  else
    {
      write_time (digits, time);
      write_random (digits);
    }

  for (gsize i = 0; i < LAMP_ULID_LENGTH; i++)
    ulid[i] = alphabet[digits[i]];
  ulid[LAMP_ULID_LENGTH] = '\0';
}

gint64
lamp_ulid_get_time (const char *ulid)
{
  Digits digits;

  if (!parse (ulid, digits))
    return -1;

  return read_time (digits) * USEC_PER_MSEC;
}
