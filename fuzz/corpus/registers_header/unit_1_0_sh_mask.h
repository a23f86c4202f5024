/* SPDX-License-Identifier: MIT OR Apache-2.0 */
//UNIT_CNTL
#define UNIT_CNTL__ENABLE__SHIFT                                0x0
#define UNIT_CNTL__MODE__SHIFT                                  0x4
#define UNIT_CNTL__ENABLE_MASK                                  0x00000001L
#define UNIT_CNTL__MODE_MASK                                    0x00000070L
