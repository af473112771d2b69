/// What a masked autoencoder makes of a few images, to look at.
#pragma once

#include "data/loader.h"
#include "models/mae.h"

namespace lspt {

/// The first images to judge on, else to train on, as they are evaluated: at most eight.
Batch some_images(const Dataset& data, const LoaderOptions& looks);

/// A row for each image of the batch: the image, what the encoder sees of it, and that with the
/// decoder's drawing in the gaps. With norm_pix the decoder draws patches without their mean and
/// deviation; the image's own are put back, as MAE's demo does. Small images are enlarged. Masks
/// are those of epoch 0, so that pictures of different epochs compare.
Image reconstructions(const Mae& mae, const Batch& batch, const Normalization& normalization);

}  // namespace lspt
