"""What each network loses, per example: the loss and everything that is added to it.

Functions of tensors and a discriminator; gradients, replicas and optimizers are the caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from tgan_tf.config import ObjectiveConfig
from tgan_tf.objectives import penalties
from tgan_tf.objectives.augmentation import augment
from tgan_tf.objectives.classification import misclassification, mismatch
from tgan_tf.objectives.losses import LOSSES
from tgan_tf.objectives.policy import advantages

Numbers = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Game:
    """The rules.

    Args:
        objective: the options.
        discriminator: images ``[B, H, W, C]``, labels or None and noise ``[B, N]`` or None ->
            logits ``[B]``; with ``beginnings=True``, of every beginning, ``[B, T]``; with
            ``align=True``, how far its tokens are from those of a frozen model, ``[B]``; with
            ``classify=True``, also those of a classifier, ``[B, K]``.
        pack: examples in a row that the discriminator judges together.
    """

    objective: ObjectiveConfig
    discriminator: Callable[..., tf.Tensor]
    pack: int = 1

    def d_loss(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        label: tf.Tensor | None,
        numbers: Numbers,
        mean: Callable[[tf.Tensor], tf.Tensor],
        *,
        penalize: bool,
    ) -> tuple[tf.Tensor, Numbers]:
        """The discriminator's loss with all penalties, and what is logged.

        Args:
            real: ``[b, H, W, C]`` in [-1, 1].
            fake: like ``real``.
            label: int ``[b]``, float ``[b, K]`` or None.
            numbers: of this step. Random ones: ``u_real``, ``u_fake`` (augmentation), ``eps_real``,
                ``eps_fake`` (finite difference), ``tokens_real``, ``tokens_fake`` (attention),
                ``mix`` (WGAN-GP), ``t_real``, ``t_fake`` (consistency). Images: ``moved``, like
                ``fake``, of its latents, disturbed (zCR). Scalars: ``p`` (of augmentation),
                ``gamma`` (factor to the gradient penalties), ``real_anchor``, ``fake_anchor``,
                ``lecam`` (factor). Conditions: ``wrong_label``, of other examples; ``is_wrong`` is
                1 where it differs, else 0; ``others`` ``[b, M, K]``, vectors of other examples
                (classifier).
            mean: per-example values ``[b]`` -> their mean over the global batch.
            penalize: whether this step has the (lazy) gradient penalties.

        Returns:
            The loss ``[b]``, and by name what is logged, ``[b]`` each.
        """
        o = self.objective
        r1, r2 = (gamma if penalize else 0 for gamma in (o.r1_gamma, o.r2_gamma))
        real_logit, real_penalty, real_mistake = self.judge(real, label, "real", numbers, bool(r1))
        fake_logit, fake_penalty, fake_mistake = self.judge(fake, label, "fake", numbers, bool(r2))
        if "others" in numbers:
            # Vectors could be agreed upon as in a code. What they look like is real samples' alone.
            fake_mistake = tf.zeros_like(fake_mistake)
        loss = LOSSES[o.loss][0](real_logit, fake_logit)  # [b]
        if o.rewards_tokens:
            loss = tf.reduce_mean(loss, axis=1)  # of all beginnings
            real_logit, fake_logit = real_logit[:, -1], fake_logit[:, -1]
        logs = {
            "real_logit": real_logit,
            "fake_logit": fake_logit,
            "real_sign": tf.sign(real_logit),
        }
        if o.mismatch_share:
            logs["mismatch_logit"] = self.look(real, numbers["wrong_label"], "real", numbers)
            of_wrong = LOSSES[o.loss][0](real_logit, logs["mismatch_logit"])
            loss += o.mismatch_share * numbers["is_wrong"] * (of_wrong - loss)
        logs["loss_d"] = loss
        if o.ac_weight:
            logs["class_loss"] = real_mistake + fake_mistake
            loss += o.ac_weight * logs["class_loss"]
        if o.ada_target:
            against = fake_logit if o.compares_logits else 0.0
            logs["overfit_sign"] = tf.sign(real_logit - against)
        if penalize:
            penalty = 0.5 * (r1 * real_penalty + r2 * fake_penalty)
            if o.gp_weight:
                # Its points are neither real nor fake: they are seen as the real ones are.
                penalty += o.gp_weight * penalties.wgan_gp(
                    lambda x: self.look(x, label, "real", numbers),
                    real,
                    fake,
                    numbers["mix"][:, 0],
                    self.pack,
                )
            penalty *= numbers["gamma"]
            logs["penalty"] = penalty
            # Lazy: the weight makes up for the steps without (Karras et al. 2020, app. B).
            loss += o.penalty_every * penalty
        if o.regularizes:
            regularizer = self._regularizer(
                real, fake, real_logit, fake_logit, label, numbers, mean
            )
            logs["regularizer"] = regularizer
            loss += regularizer
        return loss, logs

    def g_loss(
        self, real_logit: tf.Tensor, fake: tf.Tensor, label: tf.Tensor | None, numbers: Numbers
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The generator's loss ``[b]`` for its images ``fake``, and their logits ``[b]``.

        ``numbers`` are those of ``d_loss`` about fakes, and ``guidance`` ``[b]``, with which they
        are made (``guidance_high``).
        """
        fake_logit, _, mistake = self.judge(fake, label, "fake", numbers, False)
        loss = LOSSES[self.objective.loss][1](real_logit, fake_logit)
        # With guidance s the aim is p(x | c) p(c | x)^(s - 1) (Ho & Salimans 2022, sec. 3).
        exponent = numbers["guidance"] - 1 if "guidance" in numbers else 1.0
        weight = self.objective.ac_weight * exponent
        return loss + weight * mistake, fake_logit

    def reward(
        self, real_logit: tf.Tensor, fake: tf.Tensor, label: tf.Tensor | None, numbers: Numbers
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """What each token of samples that are chosen earns.

        Args:
            real_logit: of beginnings of real samples, ``[b, T]``.
            fake, label, numbers: as of ``g_loss``.

        Returns:
            Advantages ``[b, T]``; the loss ``[b]``, which is for the logs alone, and the logits of
            the whole samples ``[b]``.
        """
        logits = self.look(fake, label, "fake", numbers)  # [b, T]
        loss = LOSSES[self.objective.loss][1](real_logit, logits)
        weights = advantages(logits, self.objective.reward_discount)
        return weights, tf.reduce_mean(loss, axis=1), logits[:, -1]

    def look(self, x: tf.Tensor, label: tf.Tensor | None, kind: str, numbers: Numbers) -> tf.Tensor:
        """Logits ``[b]`` of augmented images; ``kind`` says whose random numbers: real or fake."""
        seen = self._augment(x, kind, numbers)
        return self._logits(seen, label, numbers.get(f"tokens_{kind}"))

    def judge(
        self, image: tf.Tensor, label: tf.Tensor | None, kind: str, numbers: Numbers, penalize: bool
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Logits ``[b]``, their gradient penalty ``[b]`` (0 unless ``penalize``), and the loss of
        the auxiliary classifier ``[b]`` (0 without).

        The penalty is with respect to the image before augmentation (R3GAN 2024, app. B).
        """
        o = self.objective

        def logits_of(x: tf.Tensor) -> tf.Tensor:
            return self.look(x, label, kind, numbers)

        noise = numbers.get(f"tokens_{kind}")
        if not penalize or o.penalty == "exact":
            logit, classes = self._ask(self._augment(image, kind, numbers), label, noise)
            mistake = self._mistake(logit, classes, label, numbers)
            if not penalize:
                return logit, tf.zeros_like(logit), mistake
            return logit, penalties.gradient_penalty(logits_of, image, self.pack), mistake
        # Both halves in one call: half as many, larger operations.
        moved = image + o.penalty_sigma * numbers[f"eps_{kind}"]
        halves = [self._augment(x, kind, numbers) for x in (image, moved)]
        given = (halves, [label] * 2, [noise] * 2)
        both = (None if pair[0] is None else tf.concat(pair, axis=0) for pair in given)
        logits, classes = self._ask(*both)
        logit, disturbed = tf.split(logits, 2)
        own = None if classes is None else tf.split(classes, 2)[0]
        penalty = penalties.finite_difference(logit, disturbed, o.penalty_sigma)
        return logit, penalty, self._mistake(logit, own, label, numbers)

    def _ask(
        self, seen: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Logits ``[b]``, and those of the auxiliary classifier ``[b, K]``, if there is one."""
        if label is None or not self.objective.ac_weight:
            return self._logits(seen, label, noise), None
        return self.discriminator(seen, label, noise, classify=True)

    @staticmethod
    def _mistake(
        logit: tf.Tensor, classes: tf.Tensor | None, label: tf.Tensor | None, numbers: Numbers
    ) -> tf.Tensor:
        """The loss of the auxiliary classifier ``[b]``; 0 without."""
        if classes is None:
            return tf.zeros_like(logit)
        if "others" in numbers:
            return mismatch(classes, label, numbers["others"])
        return misclassification(classes, label)

    def _logits(
        self, seen: tf.Tensor, label: tf.Tensor | None, noise: tf.Tensor | None
    ) -> tf.Tensor:
        """``[b]``, or of every beginning ``[b, T]``."""
        more = {"beginnings": True} if self.objective.rewards_tokens else {}
        return self.discriminator(seen, label, noise, **more)

    def _augment(self, x: tf.Tensor, kind: str, numbers: Numbers) -> tf.Tensor:
        o = self.objective
        return augment(
            x,
            numbers[f"u_{kind}"],
            o.augment,
            numbers.get("p"),
            translation_ratio=o.augment_translation,
            cutout_ratio=o.augment_cutout,
            cutout_p=o.augment_cutout_p,
        )

    def _regularizer(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        real_logit: tf.Tensor,
        fake_logit: tf.Tensor,
        label: tf.Tensor | None,
        numbers: Numbers,
        mean: Callable[[tf.Tensor], tf.Tensor],
    ) -> tf.Tensor:
        """Penalties on the logits themselves, ``[b]``."""
        o = self.objective
        total = tf.zeros_like(real_logit)
        if o.drift_weight:
            total += o.drift_weight * penalties.drift(real_logit, mean(real_logit))
        if o.lecam_weight:
            penalty = penalties.lecam(
                real_logit, fake_logit, numbers["real_anchor"], numbers["fake_anchor"]
            )
            total += o.lecam_weight * numbers["lecam"] * penalty
        for weight, kind, x, logit in (
            (o.cr_real, "real", real, real_logit),
            (o.cr_fake, "fake", fake, fake_logit),
        ):
            if weight:
                seen = self._augment(x, kind, numbers)
                changed = augment(seen, numbers[f"t_{kind}"], o.cr_augment)
                other = self.discriminator(changed, label, numbers.get(f"tokens_{kind}"))
                total += weight * penalties.consistency(logit, other)
        if o.align_weight:
            seen = self._augment(real, "real", numbers)
            noise = numbers.get("tokens_real")
            total += o.align_weight * self.discriminator(seen, label, noise, align=True)
        if o.zcr_d:
            other = self.look(numbers["moved"], label, "fake", numbers)
            total += o.zcr_d * penalties.consistency(fake_logit, other)
        return total
