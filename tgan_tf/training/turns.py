"""Which passes through the networks a training step has, and how long their results are kept.

What ``TransformerGAN.train_step`` and ``Game`` do, as numbers: the estimates of memory and of
operations both come from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from tgan_tf.config import Config
from tgan_tf.training.cost import Cost

# Of a pass whose gradient is differentiated, a way back wants the results, the gradient with
# respect to each, and what the penalty adds to that.
_KEPT_TWICE = 3


@dataclass(frozen=True)
class Turn:
    """Passes of one network whose results are alive together, each of one sample.

    Args:
        network: its name.
        plain: passes with a way back to the weights.
        to_input: passes with a way back to the input alone.
        twice: passes with a way back to the input, which has one to the weights itself (exact
            penalties).
        ahead: passes without a way back.
        times: samples for each of the discriminator's batch.
    """

    network: str
    plain: int = 0
    to_input: int = 0
    twice: int = 0
    ahead: int = 0
    times: int = 1

    def bytes_of(self, cost: Cost, remat: bool) -> int:
        """Activations and gradients at their greatest, for a sample of the turn's batch.

        Args:
            cost: of one pass.
            remat: whether blocks are computed once more on the way back. Where that way is
                differentiated, what they hold together was measured to grow with their number all
                the same, so nothing is taken off.
        """
        once = self.plain + self.to_input
        kept = once * (cost.remat_bytes if remat else cost.activation_bytes)
        kept += _KEPT_TWICE * self.twice * cost.activation_bytes
        return kept + (once + self.twice) * cost.passing_bytes

    def weight_bytes_of(self, cost: Cost) -> int:
        """What the passes make of weights, at its greatest."""
        return (self.plain + self.to_input + _KEPT_TWICE * self.twice) * cost.weight_bytes

    def forward_passes(self, remat: bool) -> int:
        """As many operations as so many forward passes have, of a sample of D's batch.

        A way back to the input costs as much as the way there, to the weights too twice that. Where
        it is differentiated, its own way back is twice as long as it is, and ends at what was kept,
        from where it is twice the way there. With ``remat`` a way back begins with what it is the
        way back of, and where it is differentiated, so does that.
        """
        plain, to_input, twice = (4, 3, 13) if remat else (3, 2, 6)
        each = plain * self.plain + to_input * self.to_input + twice * self.twice + self.ahead
        return self.times * each


def turns_of(config: Config) -> tuple[Turn, ...]:
    """Of the step that has all: lazy penalties, and the generator's turn."""
    o, t = config.objective, config.training
    times, in_parts = t.g_batch_factor, t.micro_batches > 1
    exact, penalized = o.penalty == "exact", bool(o.r1_gamma) + bool(o.r2_gamma)
    # Disturbed samples are looked at beside the others, as are changed ones and mismatched ones.
    beside = (o.cr_real, o.cr_fake, o.zcr_d, o.mismatch_share, o.align_weight)
    real_and_fake = 2
    d_step = Turn(
        "discriminator",
        plain=real_and_fake + sum(map(bool, beside)) + (0 if exact else penalized),
        twice=(penalized if exact else 0) + bool(o.gp_weight),
        ahead=bool(o.drift_weight) and (in_parts or t.jit_compile),
    )
    # Real ones are looked at where the loss compares.
    g_loss = Turn("discriminator", to_input=1, ahead=o.compares_logits, times=times)
    if o.rewards_tokens:
        g_loss = Turn("discriminator", ahead=1 + o.compares_logits, times=times)
    g_step = Turn(
        "generator",
        plain=1 + o.disturbs,
        # Parts are made twice; the average sees what the generator sees, for its statistics.
        ahead=in_parts * (1 + o.disturbs) + config.generator.normalizes_batches,
        times=times,
    )
    turns = [d_step, g_loss, g_step]
    if o.path_length_weight:
        turns.append(Turn("generator", twice=1, times=times))
    if (config.has_encoder or config.is_autoregressive) and o.likelihood_weight:
        turns.append(Turn("generator", plain=1))
        if config.has_encoder:
            turns.append(Turn("encoder", plain=1))
    return tuple(turns)
