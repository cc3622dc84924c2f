/* Sleep clocks: how far those of two devices may be apart.  Vol 6, Part B, 4.2
 *
 * Names of other files:
 *   c: the controller
 *   cfg: what the program gave when it made the controller, or the air:
 *       woad_air_controller_config
 *   sca_worsened: classes by which the host has lowered the sleep clock accuracy */
#include "ll.h"

/* The largest error of each class.  2.3.3.1 */
static const uint16_t sca_ppm[8] = { 500, 250, 150, 100, 75, 50, 30, 20 };

/* 0 to 7, the larger the better; LE Modify Sleep Clock Accuracy lowers it. */
uint8_t controller_sca(const controller *c)
{
    uint16_t ppm = (uint16_t)c->cfg.drift_ppm;
    if (c->cfg.drift_ppm < 0) {
        ppm = (uint16_t)-c->cfg.drift_ppm;
    }
    uint8_t class = 7;
    while (class && sca_ppm[class] < ppm) {
        class --;
    }
    if (class <= c->ll->sca_worsened) {
        return 0;
    }
    return (uint8_t)(class - c->ll->sca_worsened);
}

/* Rounded up; 16 us of jitter are added.  4.2.4 */
uint32_t clock_widening(const controller *c, uint8_t peer_sca, uint64_t us)
{
    uint32_t ppm = (uint32_t)sca_ppm[controller_sca(c)] + sca_ppm[peer_sca & 7];
    return (uint32_t)((us * ppm + 999999) / 1000000) + 16;
}
