/**
 * @file number.h  Telephone numbers: to E.164 by a country's rules, and back to the country (ITU-T
 * E.164, RFC 3966 visual separators).
 *
 *     "030 123456", provider in DE   -> "+4930123456"      "0049 30..." -> "+4930..."
 *     "(212) 555-0100", provider US  -> "+12125550100"     "4930..." (no +), DE -> "+4930..."
 *
 * What the rules do not fit stays as it came, but for separators between its digits: short numbers of
 * a network, star codes, names. The rules are a table made from public numbering plans
 * (tools/number_table.mjs); they tell where digits lead, not whether somebody has the number.
 *
 * Layer:   call (pure)
 * Thread:  re-entrant
 */
#ifndef SR_CALL_NUMBER_H
#define SR_CALL_NUMBER_H

#include "base/str.h"

enum {
    NUMBER_TEXT_MAX = 128,  /* bytes with NUL; longer texts are cut */
    NUMBER_DIGITS_MAX = 20, /* with the calling code; E.164 says 15, some services have more */
    NUMBER_SHORT_MAX = 6,   /* digits of numbers that no country code is asked of */
};

/** Who wrote the digits. */
enum number_source {
    NUMBER_FROM_PROVIDER, /* national numbers may come without the national prefix */
    NUMBER_DIALLED,       /* by a person: digits without a national prefix are local, where the
                             country has one */
};

/**
 * Writes the number in its normal form, NUL-terminated.
 *
 * @param country  "DE", or empty: only 00 and + are understood
 *
 * @return whether it is an E.164 number now ("+49...")
 */
bool number_normalise(struct sr_str text, struct sr_str country, enum number_source source,
                      char ret_number[NUMBER_TEXT_MAX]);

/** The same for the beginning of numbers ("0900" in DE -> "+49900", "0044" -> "+44"). False: it stays
    as it is. */
bool number_prefix(struct sr_str prefix, struct sr_str country, char ret_prefix[NUMBER_TEXT_MAX]);

/** The country ("DE") of a number that begins with +, by calling code and, where countries share one,
    by the digits; of unused digits the main country of the code. Empty: no country has that code. */
struct sr_str number_country(struct sr_str number);

/** Whether the table has rules for a country ("DE"). */
bool number_has_country(struct sr_str country);

#endif
