"""Options of the game that the networks play, and of how they learn."""

from __future__ import annotations

from dataclasses import dataclass

from tgan_tf.config.option import option

LOSSES = (
    "non_saturating",
    "minimax",
    "least_squares",
    "relativistic",
    "dual_contrastive",
    "hinge",
    "wasserstein",
)
AUGMENTATIONS = ("color", "translation", "cutout", "erase", "hue", "filter", "flip")


@dataclass(frozen=True)
class ObjectiveConfig:
    """What the two networks play for."""

    loss: str = option("relativistic", "adversarial loss", choices=LOSSES)
    r1_gamma: float = option(0.5, "weight of the gradient penalty on real samples", low=0)
    r2_gamma: float = option(0.5, "weight of the gradient penalty on fake samples", low=0)
    penalty: str = option(
        "finite_difference",
        "exact: by double backward; finite_difference: no second derivative is needed",
        choices=("exact", "finite_difference"),
    )
    penalty_sigma: float = option(0.01, "step of the finite difference", above=0)
    penalty_every: int = option(
        4, "penalise every so many steps, with that many times the weight (lazy)", low=1
    )
    augment: tuple[str, ...] = option(
        (), "DiffAugment policies, shown to D for real and fake alike", choices=AUGMENTATIONS
    )
    augment_p: float = option(
        1.0, "probability of each policy for each image, at the end", low=0, high=1
    )
    augment_p_initial: float = option(
        1.0, "probability at the start / at the end; rises by a cosine (R3GAN: 0)", low=0, high=1
    )
    augment_translation: float = option(
        0.125, "greatest shift / side (TransGAN: 0.2)", above=0, high=1
    )
    augment_cutout: float = option(0.5, "side of the hole / side of the image", above=0, high=1)
    augment_cutout_p: float = option(
        1.0, "probability of cutout / that of the others (TransGAN: 0.3)", above=0, high=1
    )
    ada_target: float = option(
        0.0,
        "control the probability so that the mean sign of D(real) is this (ADA: 0.6); with a"
        " relativistic loss, of D(real) - D(fake); 0: not controlled",
        low=0,
        high=0.999,
    )
    ada_kimg: float = option(
        500.0, "thousand images in which the controlled probability goes from 0 to 1", above=0
    )
    gp_weight: float = option(0.0, "weight of the WGAN-GP penalty (10 is usual)", low=0)
    gamma_final: float = option(
        1.0, "gradient penalties at the end / at the start; falls by a cosine", low=0, high=1
    )
    drift_weight: float = option(
        0.0, "weight of (mean of D(real))^2, WGAN-GP's eps (TransGAN: 0.001)", low=0
    )
    lecam_weight: float = option(0.0, "weight of the LeCam regulariser (0.3 is usual)", low=0)
    lecam_start_step: int = option(1000, "first step with the LeCam regulariser", low=0)
    cr_real: float = option(
        0.0, "weight of consistency under cr_augment for real samples (CR, bCR: 10)", low=0
    )
    cr_fake: float = option(0.0, "the same for fake samples (bCR: 10)", low=0)
    cr_augment: tuple[str, ...] = option(
        ("translation",), "what D's judgement should not depend on", choices=AUGMENTATIONS
    )
    ac_weight: float = option(
        0.0,
        "weight of an auxiliary classifier in D, which both networks want to be right (AC-GAN: 1);"
        " of attributes, one for each; of vectors and captions it tells a sample's own from those"
        " of others",
        low=0,
    )
    guidance_high: float = option(
        1.0,
        "make half of the samples with a guidance s between 1 and this while training, and multiply"
        " ac_weight by s - 1 for G, so that more guidance is more of the condition",
        low=1,
        high=10,
    )
    align_weight: float = option(
        0.0,
        "weight of 1 - cosine between D's tokens of real samples, mapped by a small network, and"
        " those of d_backbone (GAT)",
        low=0,
    )
    zcr_d: float = option(
        0.0, "weight of D's consistency when a sample's latent is disturbed (zCR: 20)", low=0
    )
    zcr_g: float = option(
        0.0, "weight of how far such samples move, which G makes larger (zCR: 0.5)", low=0
    )
    zcr_radius: float = option(0.05, "standard deviation of that disturbance", above=0)
    top_k: float = option(
        1.0,
        "share of the samples, those with the greatest logits, that G learns from at the end; falls"
        " from 1 by a cosine (usual: 0.5)",
        above=0,
        high=1,
    )
    mismatch_share: float = option(
        0.0,
        "of D's negatives, the share that are real samples with the condition of another (GAN-CLS:"
        " 0.5), so that it compares the two",
        low=0,
        high=0.9,
    )
    style_mixing: float = option(
        0.0,
        "probability that a sample is made of two latents, one for the layers up to a random one"
        " (StyleGAN2: 0.9)",
        low=0,
        high=1,
    )
    path_length_weight: float = option(
        0.0, "weight of the generator's path-length penalty (StyleGAN2: 2)", low=0
    )
    path_length_every: int = option(
        4, "penalise so every so many steps of G, with that many times the weight", low=1
    )
    g_orthogonal: float = option(
        0.0, "weight of the generator's orthogonal regularisation (BigGAN: 1e-4)", low=0
    )
    reconstruction_weight: float = option(
        100.0,
        "with given_frames: weight, for G, of the mean squared difference, at several scales,"
        " between the clip that it makes around them and the one that they are of, at the start",
        low=0,
    )
    reconstruction_final: float = option(
        0.02,
        "the same at the end / at the start; its logarithm falls by a cosine, so that first places"
        " are learned, and then how things look",
        above=0,
        high=1,
    )
    likelihood_kimg: float = option(
        0.0,
        "of texts made one_by_one, or with --kl_weight: begin with likelihood alone, for so many"
        " thousand of them",
        low=0,
    )
    likelihood_lr: float = option(
        1e-3, "learning rate at the start of that; falls to a twentieth by a cosine", above=0
    )
    likelihood_weight: float = option(
        1.0, "of the same: weight of the likelihood afterwards", low=0
    )
    kl_weight: float = option(
        0.0,
        "of texts made at_once, music and time series: learn by likelihood too, of real ones given"
        " the z that an encoder finds in them; weight of the divergence of such z from those that"
        " samples are made of (VAE: 1); 0: no encoder",
        low=0,
    )
    token_dropout: float = option(
        0.1,
        "share of the tokens before that likelihood sees replaced by others; against memorising",
        low=0,
        high=0.9,
    )
    token_gradient: str = option(
        "softmax",
        "how tokens made one by one learn from D: softmax: as if they were soft (straight-through);"
        " score: by the probability of those chosen, D judging every beginning of a sample",
        choices=("softmax", "score"),
    )
    reward_discount: float = option(
        1.0, "of what a token earns by each one after it, with token_gradient=score", low=0, high=1
    )
    gumbel_temperature: float = option(
        1.0, "of the relaxed tokens that the generator learns through from D", above=0
    )
    gumbel_temperature_final: float = option(
        1.0, "the same at the end / at the start; approached by a cosine", above=0
    )

    @property
    def rewards_tokens(self) -> bool:
        """Whether the discriminator judges every beginning of a sample."""
        return self.token_gradient == "score"

    @property
    def augments_in_part(self) -> bool:
        """Whether there are examples that a policy leaves alone."""
        p = min(self.augment_p, self.augment_p_initial, self.augment_cutout_p)
        return bool(self.augment) and (p < 1 or bool(self.ada_target))

    @property
    def penalizes(self) -> bool:
        """Whether there is a gradient penalty."""
        return any((self.r1_gamma, self.r2_gamma, self.gp_weight))

    @property
    def regularizes(self) -> bool:
        """Whether there are penalties on logits."""
        weights = (self.drift_weight, self.lecam_weight, self.cr_real, self.cr_fake)
        return any((*weights, self.zcr_d, self.align_weight))

    @property
    def disturbs(self) -> bool:
        """Whether latents are disturbed."""
        return bool(self.zcr_d or self.zcr_g)

    @property
    def compares_logits(self) -> bool:
        """Whether the loss is of differences of logits, whose origin it leaves to chance."""
        return self.loss in ("relativistic", "dual_contrastive")


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam, once for each network."""

    g_lr: float = option(
        2.5e-4,
        "learning rate of the generator; several times smaller than d_lr (TTUR), or a conditional"
        " generator collapses to one sample for each class",
        above=0,
    )
    d_lr: float = option(1e-3, "learning rate of the discriminator", above=0)
    beta1: float = option(0.0, "decay of the first moment", low=0, high=0.999)
    beta2: float = option(0.99, "decay of the second moment", low=0, high=0.9999)
    lr_final: float = option(
        0.2, "learning rate at the end / at the start; falls by a cosine", above=0, high=1
    )
    beta2_final: float = option(
        0.0,
        "decay of the second moment at the end; approached by a cosine; 0: as beta2",
        low=0,
        high=0.9999,
    )
    schedule_kimg: float = option(
        0.0,
        "length of all cosines, in thousand images: lr_final, beta2_final, gamma_final,"
        " ema_initial, augment_p_initial, top_k, reconstruction_final; 0: the whole run",
        low=0,
    )
    weight_decay: float = option(
        0.0, "decoupled (AdamW), of matrices and larger weights, times the learning rate", low=0
    )
    lr_warmup_kimg: float = option(0.0, "linear warm-up, in thousand images", low=0)
    clip_norm: float = option(0.0, "clip gradients to this global norm; 0: never", low=0)
    lazy_rates: bool = option(
        False,
        "scale each network's learning rate by c = k / (k + 1), and raise its betas to the power of"
        " c, for a penalty every k steps: penalty_every of D, path_length_every of G (StyleGAN2)",
    )

    def lazy_factor(self, network: str, o: ObjectiveConfig) -> float:
        """``c`` of ``lazy_rates``; 1 without it, or without a lazy penalty (Karras et al. 2020).

        Args:
            network: ``g``, ``d``, or another, which has no such penalty.
            o: the game.
        """
        every = {
            "g": o.path_length_every if o.path_length_weight else 1,
            "d": o.penalty_every if o.penalizes else 1,
        }.get(network, 1)
        return every / (every + 1) if self.lazy_rates and every > 1 else 1.0
